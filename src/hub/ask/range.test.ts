import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bucketsOf, levelOf, readRange, widen, type TimeRange } from './range.ts';

const nowMs = Date.parse('2026-03-01T10:00:30Z');
const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
const retention = { flowsMs: 3 * dayMs, flows1mMs: 30 * dayMs };

function last(ms: number): TimeRange {
  return { fromMs: nowMs - ms, toMs: nowMs };
}

describe('readRange', () => {
  test('an hour by default, since, and from with or without to', () => {
    assert.deepEqual(readRange({}, nowMs), last(hourMs));
    assert.deepEqual(readRange({ since: '15m' }, nowMs), last(15 * minuteMs));
    assert.deepEqual(readRange({ from: '2026-03-01T11:00:00+02:00' }, nowMs), last(hourMs + 30_000));
    assert.deepEqual(readRange({ from: '2026-03-01T08:00:00Z', to: '2026-03-01T09:00:00.5Z' }, nowMs), {
      fromMs: nowMs - 2 * hourMs - 30_000,
      toMs: nowMs - hourMs - 30_000 + 500,
    });
  });

  test('from a minute to 400 days', () => {
    assert.deepEqual(readRange({ since: '400d' }, nowMs), last(400 * dayMs));
    for (const since of ['59s', '401d', '0m', '1y', '-1h']) {
      assert.ok('problem' in readRange({ since }, nowMs), since);
    }
  });

  test('no time that a person could mean otherwise', () => {
    for (const from of ['2026-03-01', '2026-03-01T10:00:00', '1772359200', '2026-13-01T10:00:00Z', '']) {
      assert.ok('problem' in readRange({ from }, nowMs), from);
    }
  });
});

describe('levels', () => {
  const suffix = (range: TimeRange): string => levelOf(range, nowMs, retention).suffix;

  test('by length', () => {
    assert.equal(suffix(last(6 * hourMs)), '');
    assert.equal(suffix(last(6 * hourMs + 1)), '_1m');
    assert.equal(suffix(last(7 * dayMs)), '_1m');
    assert.equal(suffix(last(7 * dayMs + 1)), '_1h');
  });

  test('by what is kept', () => {
    const hourAgo = (ms: number): TimeRange => ({ fromMs: nowMs - ms - hourMs, toMs: nowMs - ms });
    assert.equal(suffix(hourAgo(2 * dayMs)), '');
    assert.equal(suffix(hourAgo(3 * dayMs)), '_1m');
    assert.equal(suffix(hourAgo(30 * dayMs)), '_1h');
  });

  test('a range is widened to whole grains', () => {
    const range = last(7 * hourMs);
    assert.deepEqual(widen(range, levelOf(range, nowMs, retention)), {
      fromMs: nowMs - 7 * hourMs - 30_000,
      toMs: nowMs + 30_000,
    });
    assert.deepEqual(widen(last(hourMs), levelOf(last(hourMs), nowMs, retention)), last(hourMs));
  });
});

test('a series has round buckets, at most 60, none finer than its level', () => {
  const buckets = (ms: number) => bucketsOf(last(ms), levelOf(last(ms), nowMs, retention));
  assert.deepEqual(buckets(minuteMs), { bucketMs: 10_000, buckets: 6 });
  assert.deepEqual(buckets(10 * minuteMs), { bucketMs: 10_000, buckets: 60 });
  assert.deepEqual(buckets(hourMs), { bucketMs: minuteMs, buckets: 60 });
  assert.deepEqual(buckets(hourMs + 1), { bucketMs: 2 * minuteMs, buckets: 31 });
  assert.deepEqual(buckets(dayMs), { bucketMs: 30 * minuteMs, buckets: 48 });
  assert.deepEqual(buckets(7 * dayMs), { bucketMs: 3 * hourMs, buckets: 56 });
  assert.deepEqual(buckets(400 * dayMs), { bucketMs: 7 * dayMs, buckets: 58 });
});
