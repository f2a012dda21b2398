import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connection, node } from '../../../test/observations.ts';
import { manualClock } from '../../lib/clock.ts';
import type { SondeRecord } from '../../model/record.ts';
import { connectionRecord } from '../window/records.ts';
import { wallTimes } from '../window/time.ts';
import { openDelivery } from './delivery.ts';
import type { OpenExporter } from './exporter.ts';

const record: SondeRecord = connectionRecord(connection(), node, wallTimes(manualClock()));

/** Keeps what it is given, or fails as told. */
interface Probe extends OpenExporter {
  readonly taken: SondeRecord[];
  closed: number;
  fail: string | undefined;
}

function probe(): Probe {
  return {
    taken: [],
    closed: 0,
    fail: undefined,
    deliver(records) {
      if (this.fail !== undefined) return Promise.reject(new Error(this.fail));
      this.taken.push(...records);
      return Promise.resolve();
    },
    [Symbol.asyncDispose]() {
      this.closed++;
      return this.fail === undefined ? Promise.resolve() : Promise.reject(new Error(this.fail));
    },
  };
}

function opened(exporters: Readonly<Record<string, OpenExporter>>): {
  delivery: ReturnType<typeof openDelivery>;
  warnings: string[];
} {
  const warnings: string[] = [];
  const log = { info: () => undefined, warn: (line: string) => void warnings.push(line) };
  return { delivery: openDelivery(new Map(Object.entries(exporters)), log), warnings };
}

describe('delivery', () => {
  test('to every exporter; nothing is lost and nothing is said', async () => {
    const [a, b] = [probe(), probe()];
    const { delivery, warnings } = opened({ a, b });
    await delivery.deliver([record, record]);
    assert.deepEqual([a.taken.length, b.taken.length], [2, 2]);
    assert.deepEqual(delivery.losses(), {});
    assert.deepEqual(warnings, []);
  });

  test('nothing is not delivered', async () => {
    const a = probe();
    a.fail = 'must not be asked';
    const { delivery, warnings } = opened({ a });
    await delivery.deliver([]);
    assert.deepEqual(warnings, []);
  });

  test('one that fails costs the others nothing; its loss is counted under its name', async () => {
    const [a, b] = [probe(), probe()];
    const { delivery, warnings } = opened({ a, b });
    a.fail = 'disk full';
    await delivery.deliver([record, record]);
    await delivery.deliver([record]);
    assert.equal(b.taken.length, 3);
    assert.deepEqual(delivery.losses(), { 'deliver.a': 3 });
    assert.equal(warnings[0], 'exporter a did not take 2 records: disk full');

    a.fail = undefined;
    await delivery.deliver([record]);
    assert.equal(a.taken.length, 1);
    assert.deepEqual(delivery.losses(), { 'deliver.a': 3 });
  });

  test('one that throws at once is as one that fails later', async () => {
    const [a, b] = [probe(), probe()];
    a.deliver = () => {
      throw new Error('at once');
    };
    const { delivery } = opened({ a, b });
    await delivery.deliver([record]);
    assert.equal(b.taken.length, 1);
    assert.deepEqual(delivery.losses(), { 'deliver.a': 1 });
  });

  test('waits for the slowest', async () => {
    const slow = Promise.withResolvers<undefined>();
    const a = probe();
    a.deliver = () => slow.promise;
    const { delivery } = opened({ a });
    let done = false;
    const delivering = delivery.deliver([record]).then(() => (done = true));
    await new Promise(setImmediate);
    assert.equal(done, false);
    slow.resolve(undefined);
    await delivering;
  });

  test('closes every exporter, also behind one that cannot be closed', async () => {
    const [a, b] = [probe(), probe()];
    a.fail = 'no space left';
    const { delivery, warnings } = opened({ a, b });
    await delivery[Symbol.asyncDispose]();
    assert.deepEqual([a.closed, b.closed], [1, 1]);
    assert.deepEqual(warnings, ['exporter a did not close: no space left']);
  });

  test('the losses are a copy', () => {
    const { delivery } = opened({});
    const losses = delivery.losses() as Record<string, number>;
    losses['deliver.x'] = 1;
    assert.deepEqual(delivery.losses(), {});
  });
});
