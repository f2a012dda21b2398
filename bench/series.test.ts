import assert from 'node:assert/strict';
import { test } from 'node:test';
import { added, series } from './series.ts';

test('a series has its minimum and its median', () => {
  assert.deepEqual(series([3, 1, 2]), { min: 1, median: 2, runs: [3, 1, 2] });
  assert.equal(series([4, 1, 2, 3]).median, 2.5);
  assert.equal(series([7]).median, 7);
  assert.throws(() => series([]), /no run/);
});

test('added is a difference of minima, and the median of the differences of rounds', () => {
  assert.deepEqual(added(series([5, 6, 19]), series([1, 4, 15])), { min: 4, median: 4 });
});
