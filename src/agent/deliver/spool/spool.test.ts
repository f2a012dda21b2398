import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { closingOptions, connection, node, telling } from '../../../../test/observations.ts';
import { manualClock, type ManualClock } from '../../../lib/clock.ts';
import { prng } from '../../../lib/prng.ts';
import type { NumberedRecord, SondeRecord, WindowRecord } from '../../../model/record.ts';
import { windowCloser } from '../../window/closing.ts';
import { connectionRecord } from '../../window/records.ts';
import { wallTimes } from '../../window/time.ts';
import { segmentLimits, Spool, type SpoolOptions } from './spool.ts';
import { signalNames } from '../../../model/signals.ts';

const startMs = Date.parse('2026-01-02T03:04:05Z');
const record = (n: number): SondeRecord =>
  connectionRecord(connection({ cookie: n }), telling, wallTimes(manualClock()));
const range = (from: number, count: number): SondeRecord[] =>
  Array.from({ length: count }, (_, i) => record(from + i));
/** Which record it is. */
const name = (of: SondeRecord): string =>
  of['event.name'] === 'sonde.connection'
    ? of['connection.id'].split('-')[2]!
    : `w${String((of as WindowRecord)['window.number'])}`;

function closing(number: number): WindowRecord {
  const at = '2026-01-02T03:04:05.000Z';
  return windowCloser(
    node,
    closingOptions,
  )({
    bounds: { number, start: at, end: at, last: false },
    rows: [],
    losses: {},
    namespaces: [],
    signals: signalNames,
  }).closing;
}

interface Bench {
  readonly folder: string;
  readonly clock: ManualClock;
  open(change?: Partial<SpoolOptions>): Promise<Spool>;
}

function bench(t: TestContext): Bench {
  const root = mkdtempSync(join(tmpdir(), 'sonde-spool-'));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const folder = join(root, 'agent/main/spool');
  const clock = manualClock({ wallMs: startMs });
  return {
    folder,
    clock,
    open: (change = {}) =>
      Spool.open({ folder, bootId: 'b-1', bytesMax: 1 << 20, readers: ['a'], clock, ...change }),
  };
}

const commit = (spool: Spool, number: number, records: readonly SondeRecord[] = []): Promise<void> =>
  spool.commit(records, closing(number), { number, bootId: 'b-1', state: { saved: number } });

const noWaiting = AbortSignal.abort();

/** All that a reader has before it; takes it, or only looks. */
async function drain(spool: Spool, reader = 'a', settle = true): Promise<NumberedRecord[]> {
  const all: NumberedRecord[] = [];
  for (;;) {
    const batch = await spool.next(reader, noWaiting);
    if (!batch) return all;
    all.push(...batch.records);
    await spool.settle(reader, batch, batch.records.length);
    if (!settle) return all;
  }
}

const names = async (spool: Spool, reader?: string): Promise<string> =>
  (await drain(spool, reader)).map(name).join(' ');
const segments = (folder: string): string[] => readdirSync(folder).filter((file) => file.endsWith('.log'));

describe('the log', () => {
  test('gives back what it was given, in order, numbered without a gap', async (t) => {
    await using spool = await bench(t).open();
    await spool.append(range(1, 2));
    await commit(spool, 1, range(3, 2));
    await spool.append(range(5, 1));
    const all = await drain(spool);
    assert.equal(all.map(name).join(' '), '1 2 3 4 w1 5');
    assert.deepEqual(
      all.map((r) => r['record.sequence']),
      Array.from({ length: 6 }, (_, i) => startMs * 1000 + i),
    );
    assert.deepEqual(
      { ...all[0], 'record.sequence': undefined },
      { ...record(1), 'record.sequence': undefined },
    );
  });

  test('a window of many entries is one: nobody sees a part of it', async (t) => {
    await using spool = await bench(t).open();
    const committing = commit(spool, 1, range(0, 5000));
    assert.equal(await spool.next('a', noWaiting), undefined);
    await committing;
    const all = await drain(spool);
    assert.equal(all.length, 5001);
    assert.deepEqual(
      all.slice(0, 5000).map(name),
      Array.from({ length: 5000 }, (_, i) => String(i)),
    );
  });

  test('each reader at its own pace; who comes back goes on where it was', async (t) => {
    const at = bench(t);
    const readers = ['a', 'b'];
    {
      await using spool = await at.open({ readers });
      await spool.append(range(1, 3));
      const batch = (await spool.next('a', noWaiting))!;
      await spool.settle('a', batch, 2);
      assert.deepEqual([spool.backlog('a').records, spool.backlog('b').records], [1, 3]);
    }
    await using spool = await at.open({ readers });
    assert.deepEqual([spool.backlog('a').records, spool.backlog('b').records], [1, 3]);
    await spool.append(range(4, 1));
    assert.equal(await names(spool, 'a'), '3 4');
    assert.equal(await names(spool, 'b'), '1 2 3 4');
    assert.equal(spool.backlog('a').records + spool.backlog('b').bytes, 0);
  });

  test('a reader waits for what comes', async (t) => {
    await using spool = await bench(t).open();
    const stop = new AbortController();
    const next = spool.next('a', stop.signal);
    await spool.append(range(7, 1));
    assert.equal((await next)?.records.map(name).join(), '7');
    await spool.settle('a', (await next)!, 1);
    const never = spool.next('a', stop.signal);
    stop.abort();
    assert.equal(await never, undefined);
  });
});

describe('resuming', () => {
  test('the newest window of this boot, also when all was delivered and much came after it', async (t) => {
    const at = bench(t);
    {
      await using spool = await at.open({ bytesMax: 16_384 });
      assert.equal(spool.resumed, undefined);
      await commit(spool, 1, range(0, 10));
      await commit(spool, 2, range(0, 10));
      for (let i = 0; i < 300; i++) {
        await spool.append(range(i, 10));
        await drain(spool);
      }
      assert.ok(segments(at.folder).length <= 3, segments(at.folder).join());
    }
    await using spool = await at.open();
    assert.deepEqual(spool.resumed, { number: 2, bootId: 'b-1', state: { saved: 2 } });
    assert.equal(await names(spool), '');
  });

  test('another boot has no window to go on from; its records are still there to be read', async (t) => {
    const at = bench(t);
    {
      await using spool = await at.open();
      await commit(spool, 1, range(1, 1));
    }
    await at.clock.advance(1000);
    await using spool = await at.open({ bootId: 'b-2' });
    assert.equal(spool.resumed, undefined);
    await spool.append(range(9, 1));
    const all = await drain(spool);
    assert.equal(all.map(name).join(' '), '1 w1 9');
    assert.equal(all.at(-1)?.['record.sequence'], (startMs + 1000) * 1000);
  });

  test('in the same boot the sequence goes on without a gap', async (t) => {
    const at = bench(t);
    for (let n = 0; n < 3; n++) {
      await at.clock.advance(1000);
      await using spool = await at.open();
      await spool.append(range(n, 1));
    }
    await using spool = await at.open();
    const sequences = (await drain(spool)).map((r) => r['record.sequence'] - startMs * 1000 - 1_000_000);
    assert.deepEqual(sequences, [0, 1, 2]);
    assert.equal(segments(at.folder).length, 1);
  });

  test('a spool that was deleted does not begin anew', async (t) => {
    const at = bench(t);
    let last = 0;
    for (let n = 0; n < 2; n++) {
      await using spool = await at.open();
      await spool.append(range(n, 3));
      const [first, ...rest] = (await drain(spool)).map((r) => r['record.sequence']);
      assert.ok(first! > last);
      last = rest.at(-1)!;
      rmSync(at.folder, { recursive: true });
      await at.clock.advance(1);
    }
  });
});

describe('damage', () => {
  const order = '1 2 w1 3 4 5 w2';

  interface Written {
    readonly file: string;
    readonly bytes: Buffer;
    readonly cursor: Buffer;
    /** Sequences by name. */
    readonly given: ReadonlyMap<string, number>;
  }

  /** A log of windows and events that reader a has had; reader b has had nothing yet. */
  async function written(at: Bench): Promise<Written> {
    {
      await using spool = await at.open({ readers: ['a', 'b'] });
      await commit(spool, 1, range(1, 2));
      await spool.append(range(3, 2));
      await commit(spool, 2, range(5, 1));
    }
    await using spool = await at.open({ readers: ['a', 'b'] });
    const given = new Map((await drain(spool)).map((r) => [name(r), r['record.sequence']]));
    const [file] = segments(at.folder);
    const path = join(at.folder, file!);
    return {
      file: path,
      bytes: readFileSync(path),
      cursor: readFileSync(join(at.folder, 'a.cursor')),
      given,
    };
  }

  /** What b reads of such a log after another start, and one more record. */
  async function reread(
    at: Bench,
    log: Written,
    bytes: Buffer,
  ): Promise<{ names: string[]; damaged: number }> {
    for (const file of readdirSync(at.folder)) rmSync(join(at.folder, file));
    writeFileSync(log.file, bytes);
    writeFileSync(join(at.folder, 'a.cursor'), log.cursor);
    await at.clock.advance(1);
    await using spool = await at.open({ readers: ['a', 'b'] });
    await spool.append(range(99, 1));
    const [all, damaged] = [await drain(spool, 'b'), spool.lost('b').damaged];
    const taken = new Set(log.given.values());
    let last = 0;
    for (const r of all) {
      const sequence = r['record.sequence'];
      assert.ok(sequence > last, 'in order, nothing twice');
      last = sequence;
      if (name(r) === '99') assert.ok(!taken.has(sequence), `${sequence} was given before`);
      else assert.equal(log.given.get(name(r)), sequence);
    }
    assert.equal(await names(spool, 'a'), '99', 'what it had does not come again');
    return { names: all.map(name), damaged };
  }

  test('cut at every byte: every whole window and event before the cut, nothing else', async (t) => {
    const at = bench(t);
    const log = await written(at);
    const results = new Set<string>();
    for (let cut = 0; cut < log.bytes.length; cut++) {
      const { names: left, damaged } = await reread(at, log, log.bytes.subarray(0, cut));
      results.add(left.join(' '));
      assert.equal(damaged, 0, 'a torn tail was never anybody\u2019s');
    }
    assert.deepEqual([...results], ['99', '1 2 w1 99', '1 2 w1 3 4 99']);
  });

  test('any bit changed: the rest is still read in order, and what is missing is counted', async (t) => {
    const at = bench(t);
    const log = await written(at);
    const chance = prng(20_260_102);
    for (let place = 0; place < log.bytes.length; place += 1 + chance.below(8)) {
      const broken = Buffer.from(log.bytes);
      broken[place]! ^= 1 << chance.below(8);
      const { names: left, damaged } = await reread(at, log, broken);
      const kept = left.slice(0, -1);
      assert.equal(left.at(-1), '99');
      assert.deepEqual(
        order.split(' ').filter((n) => kept.includes(n)),
        kept,
      );
      if (kept.includes('w2')) assert.equal(kept.length + damaged, 7, left.join(' '));
      else assert.deepEqual(kept.join(' '), '1 2 w1 3 4', 'only the last window may be taken for a torn one');
    }
  });

  test('at the end of a segment that others follow: counted by what follows', async (t) => {
    const at = bench(t);
    {
      await using spool = await at.open({ bytesMax: 8000 }); // segments of 1,000 bytes
      for (let n = 0; n < 8; n++) await spool.append(range(n * 10, 10));
    }
    const [first, second] = segments(at.folder);
    assert.ok(second);
    const bytes = readFileSync(join(at.folder, first!));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(join(at.folder, first!), bytes);
    await using spool = await at.open();
    assert.equal((await drain(spool)).length, 70);
    assert.equal(spool.lost('a').damaged, 10);
  });

  test('a cursor that cannot be read: from the oldest record on', async (t) => {
    const at = bench(t);
    await written(at);
    for (const text of ['', '{"segment":', '[]', '{"segment":-1,"offset":0,"records":0,"sequence":0}']) {
      writeFileSync(join(at.folder, 'a.cursor'), text);
      await using spool = await at.open();
      assert.equal(await names(spool), order);
    }
  });

  test('a segment that went with its cursor left behind', async (t) => {
    const at = bench(t);
    await written(at);
    for (const file of segments(at.folder)) rmSync(join(at.folder, file));
    await using spool = await at.open();
    await spool.append(range(99, 1));
    assert.equal(await names(spool), '99');
  });
});

describe('the bound', () => {
  test('the oldest goes first, and is counted for each that had not had it', async (t) => {
    const at = bench(t);
    await using spool = await at.open({ bytesMax: 20_000, readers: ['a', 'b'] });
    const total = 3000;
    let had = 0;
    for (let n = 0; n < total / 10; n++) {
      await spool.append(range(n * 10, 10));
      if (n < total / 20) had += (await drain(spool, 'a')).length;
      assert.ok(spool.bytes <= 20_000 + 2500);
    }
    const left = { a: await drain(spool, 'a'), b: await drain(spool, 'b') };
    assert.equal(had, total / 2);
    assert.equal(had + left.a.length + spool.lost('a').dropped, total);
    assert.equal(left.b.length + spool.lost('b').dropped, total);
    assert.ok(left.b.length > 0 && spool.lost('b').dropped > total / 2);
    assert.equal(name(left.b.at(-1)!), String(total - 1));
    assert.deepEqual(left.b.map(name), left.a.map(name), 'the newest are left');
  });

  test('a batch in hand is nobody else\u2019s to count: it may still be settled', async (t) => {
    const at = bench(t);
    await using spool = await at.open({ bytesMax: 8000 });
    await spool.append(range(0, 10));
    const batch = (await spool.next('a', noWaiting))!;
    for (let n = 1; n <= 100; n++) await spool.append(range(n * 10, 10));
    await spool.settle('a', batch, 10);
    const left = await drain(spool);
    assert.equal(10 + left.length + spool.lost('a').dropped, 1010);
    assert.ok(spool.lost('a').dropped > 0);
  });

  test('no segment grows beyond what a start can read, however large the spool may be', async (t) => {
    const at = bench(t);
    await using spool = await at.open({ bytesMax: 1e12 });
    const noise = randomBytes(768 << 10).toString('base64');
    const records = Array.from({ length: 12 }, (_, n) => ({ ...record(n), error: `${n}${noise}` }));
    const appended = 1 + Math.ceil(segmentLimits.bytesMax / (768 << 10) / 12);
    for (let n = 0; n <= appended; n++) await spool.append(records.map((of) => ({ ...of, time: `${n}` })));
    assert.ok(spool.bytes > segmentLimits.bytesMax, 'too little to tell');
    assert.equal(segments(at.folder).length, 2);
  });

  test('the newest window stays, however much comes after it', async (t) => {
    const at = bench(t);
    {
      await using spool = await at.open({ bytesMax: 8000 });
      await commit(spool, 5, range(0, 1));
      for (let n = 1; n <= 100; n++) await spool.append(range(n * 10, 10));
    }
    await using spool = await at.open();
    assert.equal(spool.resumed?.number, 5);
  });
});
