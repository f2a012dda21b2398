import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { closingOptions, connection, node, telling } from '../../../test/observations.ts';
import { eventually } from '../../../test/rig.ts';
import { manualClock, systemClock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { prng } from '../../lib/prng.ts';
import type { ConnectionRecord, NumberedRecord, WindowRecord } from '../../model/record.ts';
import { windowCloser } from '../window/closing.ts';
import { connectionRecord } from '../window/records.ts';
import { wallTimes } from '../window/time.ts';
import { courierLimits, pauseMs } from './courier.ts';
import { openDelivery, startDelivery, type Delivery } from './delivery.ts';
import { RetryLater, type OpenExporter, type Receipt } from './exporter.ts';
import { signalNames } from '../../model/signals.ts';

const record = (n: number): ConnectionRecord =>
  connectionRecord(connection({ cookie: n }), telling, wallTimes(manualClock()));
const cookie = (of: NumberedRecord): number =>
  of['event.name'] === 'sonde.connection' ? Number(of['connection.id'].split('-')[2]) : 0;

function closing(number: number): WindowRecord {
  const at = '2026-01-02T03:04:05.000Z';
  const bounds = { number, start: at, end: at, last: false };
  const closer = windowCloser(node, closingOptions);
  return closer({ bounds, rows: [], losses: {}, namespaces: [], signals: signalNames }).closing;
}

/** Keeps what it is given, or does as told. */
interface Probe extends OpenExporter {
  readonly taken: number[];
  /** What the next calls do instead of taking all, in turn. */
  readonly next: ((records: readonly NumberedRecord[], signal: AbortSignal) => Promise<Receipt>)[];
  closed: number;
}

function probe(change: Partial<OpenExporter> = {}): Probe {
  return {
    taken: [],
    next: [],
    closed: 0,
    async deliver(records, signal) {
      const receipt = (await this.next.shift()?.(records, signal)) ?? { settled: records.length };
      this.taken.push(...records.slice(0, receipt.settled).map(cookie));
      return receipt;
    },
    [Symbol.asyncDispose]() {
      this.closed++;
      return Promise.resolve();
    },
    ...change,
  };
}

const forever = new Promise<never>(() => undefined);
const fail = (error: Error) => () => Promise.reject(error);

interface Bench {
  readonly folder: string;
  readonly lines: string[];
  start(exporters: Readonly<Record<string, OpenExporter>>, drain?: number): Promise<Delivery>;
}

function bench(t: TestContext): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-delivery-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const lines: string[] = [];
  const log = {
    info: (line: string) => void lines.push(line),
    warn: (line: string) => void lines.push(line),
  };
  const parts = { folder, bootId: 'b-1', clock: systemClock, log };
  return {
    folder,
    lines,
    start: (exporters, drain = 30_000) =>
      startDelivery(new Map(Object.entries(exporters)), { max_size: 1e6, drain }, parts),
  };
}

const patienceMs = 30_000;

describe('delivery', () => {
  test('to every exporter, in order; nothing is lost and nothing is said', async (t) => {
    const at = bench(t);
    const [a, b] = [probe(), probe()];
    {
      await using delivery = await at.start({ a, b });
      await delivery.deliver([record(1), record(2)]);
      await delivery.commit({ records: [], closing: closing(1), state: null });
      await delivery.deliver([]);
      await delivery.deliver([record(3)]);
      assert.deepEqual(delivery.losses(), {});
    }
    assert.deepEqual(
      [a.taken, b.taken],
      [
        [1, 2, 0, 3],
        [1, 2, 0, 3],
      ],
    );
    assert.deepEqual([a.closed, b.closed], [1, 1]);
    assert.deepEqual(at.lines, []);
  });

  test('a damaged spool: what is lost is counted and said, once, and the rest goes on', async (t) => {
    const at = bench(t);
    const down = probe({ deliver: () => forever });
    {
      await using delivery = await at.start({ a: down }, 0);
      for (const n of [1, 2, 3]) await delivery.deliver([record(n)]);
      await delivery.commit({ records: [], closing: closing(1), state: null });
    }
    const spool = join(at.folder, 'spool');
    const log = readdirSync(spool).find((name) => name.endsWith('.log')) ?? '';
    const bytes = readFileSync(join(spool, log));
    bytes[50]! ^= 0xff; // in the payload of the first
    writeFileSync(join(spool, log), bytes);
    writeFileSync(join(spool, 'a.cursor'), 'not JSON');
    const a = probe();
    {
      await using delivery = await at.start({ a });
      assert.ok(await eventually(() => a.taken.length >= 3, patienceMs));
      assert.deepEqual(delivery.losses(), { 'deliver.a.spool_damaged': 1 });
    }
    assert.deepEqual(a.taken, [2, 3, 0]);
    assert.deepEqual(at.lines, [
      'spool: how far exporter a came cannot be read: it begins again with the oldest record',
      'exporter a: 1 records are lost, the spool is damaged; more are counted',
    ]);
  });

  test('without exporters nothing is kept', async (t) => {
    const at = bench(t);
    await using delivery = await openDelivery(
      { exporters: {}, spool: { max_size: 1e6, drain: 0 } },
      {
        folder: join(at.folder, 'none'),
        bootId: 'b-1',
        clock: systemClock,
        log: silentLog,
      },
    );
    await delivery.commit({ records: [], closing: closing(1), state: null });
    assert.throws(() => readFileSync(join(at.folder, 'none')), { code: 'ENOENT' });
    assert.equal(delivery.resumed(), undefined);
  });

  test('a failure is tried again, said once, and costs the others nothing', async (t) => {
    const at = bench(t);
    const [a, b] = [probe(), probe()];
    a.next.push(fail(new Error('no route')), fail(new Error('no route')));
    {
      await using delivery = await at.start({ a, b });
      await delivery.deliver([record(1), record(2)]);
    }
    assert.deepEqual(
      [a.taken, b.taken],
      [
        [1, 2],
        [1, 2],
      ],
    );
    assert.deepEqual(at.lines, [
      'exporter a: no route; 2 records wait in the spool',
      'exporter a delivers again',
    ]);
  });

  test('an exporter that throws at once is as one that fails later', async (t) => {
    const a = probe();
    a.next.push(() => {
      throw new Error('at once');
    });
    {
      await using delivery = await bench(t).start({ a });
      await delivery.deliver([record(1)]);
    }
    assert.deepEqual(a.taken, [1]);
  });

  test('one that takes a part is given the rest', async (t) => {
    const a = probe();
    a.next.push(() => Promise.resolve({ settled: 2 }), fail(new Error('not now')));
    {
      await using delivery = await bench(t).start({ a });
      await delivery.deliver([1, 2, 3, 4].map(record));
    }
    assert.deepEqual(a.taken, [1, 2, 3, 4]);
  });

  test('what is refused is counted by reason, said once, and not tried again', async (t) => {
    const at = bench(t);
    const a = probe();
    const refuse = () =>
      Promise.resolve({ settled: 1, refused: { reason: 'rejected', count: 1, message: 'too old' } });
    a.next.push(refuse, refuse);
    await using delivery = await at.start({ a });
    await delivery.deliver([1, 2, 3].map(record));
    assert.ok(await eventually(() => delivery.status()['a']?.behindRecords === 0, patienceMs));
    assert.deepEqual(delivery.losses(), { 'deliver.a.rejected': 2 });
    assert.equal(at.lines.length, 1);
    assert.match(at.lines[0]!, /^exporter a: 1 records rejected: too old/);
  });

  test('an exporter is told when its time is over', async (t) => {
    const at = bench(t);
    const a = probe({ timeoutMs: 20 });
    a.next.push(
      (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    );
    {
      await using delivery = await at.start({ a });
      await delivery.deliver([record(1)]);
    }
    assert.deepEqual(a.taken, [1]);
    assert.match(at.lines[0]!, /^exporter a: no answer within 20 ms/);
  });

  test('status: how far behind, and why', async (t) => {
    const a = probe();
    a.next.push(fail(new RetryLater('busy', 60_000)));
    await using delivery = await bench(t).start({ a }, 0);
    assert.deepEqual(delivery.status()['a'], {
      behindRecords: 0,
      behindBytes: 0,
      lastError: null,
      lastDeliveredAt: null,
      deliveredRecords: 0,
      deliveredBytes: 0,
    });
    await delivery.deliver([record(1)]);
    assert.ok(await eventually(() => delivery.status()['a']?.lastError === 'busy', patienceMs));
    assert.equal(delivery.status()['a']?.behindRecords, 1);
    assert.ok(delivery.status()['a']!.behindBytes > 0);
  });

  test('status: how much was delivered, in records and in what was sent for them', async (t) => {
    const a = probe();
    await using delivery = await bench(t).start({ a }, 0);
    await delivery.deliver([record(1), record(2)]);
    assert.ok(await eventually(() => delivery.status()['a']?.deliveredRecords === 2, patienceMs));
  });
});

describe('the agent never waits for a receiver', () => {
  test('one that never answers stops neither windows nor the end', { timeout: 60_000 }, async (t) => {
    const at = bench(t);
    const [a, b] = [probe({ deliver: () => forever }), probe()];
    {
      await using delivery = await at.start({ a, b }, 50);
      for (let n = 1; n <= 5; n++) {
        await delivery.commit({ records: [], closing: closing(n), state: null });
        await delivery.deliver([record(n)]);
      }
      // Taken, and noted so: what was only taken may come again.
      assert.ok(await eventually(() => delivery.status()['b']?.behindRecords === 0, patienceMs));
    }
    assert.equal(b.taken.length, 10);
    const again = probe();
    await (await at.start({ a: again, b }))[Symbol.asyncDispose]();
    assert.deepEqual(again.taken, [0, 1, 0, 2, 0, 3, 0, 4, 0, 5], 'what it left waits for the next run');
    assert.equal(b.taken.length, 10, 'and comes to nobody twice');
  });

  test('one that cannot be closed holds up nothing', { timeout: 60_000 }, async (t) => {
    const at = bench(t);
    const a = probe({ [Symbol.asyncDispose]: () => Promise.reject(new Error('no space left')) });
    const b = probe({ [Symbol.asyncDispose]: () => forever });
    await (await at.start({ a, b }))[Symbol.asyncDispose]();
    assert.deepEqual(at.lines, ['exporter a did not close: no space left']);
  });

  test('the end wakes who waits for a better time', { timeout: 60_000 }, async (t) => {
    const a = probe();
    a.next.push(fail(new RetryLater('busy', 3_600_000)));
    const delivery = await bench(t).start({ a });
    await delivery.deliver([record(1)]);
    assert.ok(await eventually(() => delivery.status()['a']?.lastError === 'busy', patienceMs));
    await delivery[Symbol.asyncDispose]();
    assert.deepEqual(a.taken, [1]);
  });
});

describe('a disk that takes nothing', () => {
  test('has single events lost; a window waits as long as the agent likes', async (t) => {
    const at = bench(t);
    const a = probe();
    await using delivery = await at.start({ a });
    rmSync(join(at.folder, 'spool'), { recursive: true });
    await delivery.deliver([record(1), record(2)]);
    await delivery.commit({ records: [], closing: closing(1), state: null });
    assert.deepEqual(delivery.losses(), { 'deliver.spool.write_failed': 3 });
    assert.equal(delivery.resumed(), undefined);
    assert.equal(at.lines.length, 1);
    assert.match(at.lines[0]!, /^spool: ENOENT.*windows wait and single events are lost until it can be/);

    let asked = 0;
    await delivery.commit({ records: [], closing: closing(2), state: { n: 2 } }, () => {
      if (++asked === 3) mkdirSync(join(at.folder, 'spool'));
      return Promise.resolve(true);
    });
    assert.equal(asked, 3);
    assert.ok(await eventually(() => a.taken.length === 1, patienceMs));
    assert.deepEqual(delivery.losses(), { 'deliver.spool.write_failed': 3 });
    assert.deepEqual(delivery.resumed(), { number: 2, bootId: 'b-1', state: { n: 2 } });
    assert.equal(at.lines[1], 'spool: records are written again');
  });

  test('at the start it is the operator\u2019s to mend, and no exporter stays open', async () => {
    const a = probe();
    const parts = {
      folder: '/proc/none/at/all',
      bootId: 'b-1',
      clock: systemClock,
      log: silentLog,
    };
    await assert.rejects(startDelivery(new Map([['a', a]]), { max_size: 1e6, drain: 0 }, parts), (error) => {
      assert.ok(isOperatorError(error) && error.code === 'spool.unusable');
      return true;
    });
    assert.equal(a.closed, 1);
  });
});

test('pauses grow to a bound, never agree, and are never shorter than asked for', () => {
  const chance = prng(7);
  for (let attempt = 0; attempt < 40; attempt++) {
    const most = Math.min(courierLimits.pauseMsMax, 100 * 2 ** attempt);
    const pause = pauseMs(attempt, chance);
    assert.ok(pause >= most / 2 && pause <= most, `${attempt}: ${pause}`);
    assert.notEqual(pause, pauseMs(attempt, chance));
  }
  for (const asked of [0, 50, 5000, 90_000]) assert.ok(pauseMs(0, chance, asked) >= asked);
  assert.ok(pauseMs(0, chance, 1e12) <= courierLimits.retryAfterMsMax + 100);
});
