import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { prng } from '../../lib/prng.ts';
import { createLedger } from './ledger.ts';
import { addRange, hasNumber, type Ranges } from './ranges.ts';

const limits = { rangesMax: 4, sourcesMax: 3 };
const one = (source: string, ...ranges: number[]): Map<string, Ranges> => new Map([[source, ranges]]);

test('ranges hold what was added, and nothing else, whatever the order', () => {
  const random = prng(11);
  for (let round = 0; round < 300; round++) {
    const ranges: Ranges = [];
    const model = new Set<number>();
    for (let step = 0; step < 60; step++) {
      const first = random.below(200);
      const last = first + random.below(4);
      addRange(ranges, [first, last]);
      for (let value = first; value <= last; value++) model.add(value);
    }
    for (let value = -1; value < 210; value++) assert.equal(hasNumber(ranges, value), model.has(value));
    for (let at = 2; at < ranges.length; at += 2) {
      const [before = 0, first = 0] = ranges.slice(at - 1);
      assert.ok(first > before + 1, 'sorted, and joined where they touch');
    }
  }
});

describe('the ledger', () => {
  test('knows what was taken, per source', () => {
    const ledger = createLedger(limits);
    ledger.add(one('a', 10, 20));
    assert.deepEqual(
      [9, 10, 20, 21].map((n) => ledger.look('a', n)),
      ['new', 'taken', 'taken', 'new'],
    );
    assert.equal(ledger.look('b', 10), 'new');
  });

  test('forgets the lowest ranges of one that has too many, and says so of what is below', () => {
    const ledger = createLedger(limits);
    for (const n of [1, 3, 5, 7, 9]) ledger.add(one('a', n, n));
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((n) => ledger.look('a', n)),
      ['beyond', 'beyond', 'new', 'taken', 'new'],
    );
  });

  test('forgets the source that was not heard for longest, and counts it', () => {
    const ledger = createLedger(limits);
    for (const source of ['a', 'b', 'c', 'a', 'd']) ledger.add(one(source, 1, 1));
    assert.equal(ledger.look('b', 1), 'new');
    assert.equal(ledger.look('a', 1), 'taken');
    assert.deepEqual([ledger.sources(), ledger.forgotten()], [3, 1]);
  });

  test('is the same after a snapshot', () => {
    const ledger = createLedger(limits);
    for (const n of [1, 3, 5, 7, 9]) ledger.add(one('a', n, n));
    const again = createLedger(limits, ledger.snapshot());
    for (let n = 0; n < 12; n++) assert.equal(again.look('a', n), ledger.look('a', n));
    again.add(one('a', 0, 100));
    assert.equal(ledger.look('a', 50), 'new', 'and shares nothing');
  });
});
