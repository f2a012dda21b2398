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
    const days = ['2026-02-30T10:00:00Z', '2026-13-01T10:00:00Z', '2026-02-29T10:00:00Z'];
    for (const from of ['2026-03-01', '2026-03-01T10:00:00', '1772359200', ...days, '']) {
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

  const widened = (range: TimeRange): TimeRange => widen(range, levelOf(range, nowMs, retention), nowMs);

  test('a range is widened to whole grains', () => {
    const past = (range: TimeRange): TimeRange => ({
      fromMs: range.fromMs - hourMs,
      toMs: range.toMs - hourMs,
    });
    assert.deepEqual(widened(past(last(7 * hourMs))), {
      fromMs: nowMs - 8 * hourMs - 30_000,
      toMs: nowMs - hourMs + 30_000,
    });
    assert.deepEqual(widened(last(hourMs)), last(hourMs));
    const odd = { fromMs: nowMs - hourMs - 1, toMs: nowMs - 9999 };
    assert.deepEqual(widened(odd), { fromMs: nowMs - hourMs - 10_000, toMs: nowMs });
  });

  test('but not beyond now', () => {
    assert.equal(widened(last(7 * hourMs)).toMs, nowMs);
    assert.equal(widened(last(8 * dayMs)).toMs, nowMs);
    const ahead = { fromMs: nowMs - 8 * hourMs, toMs: nowMs + 1 };
    assert.equal(widened(ahead).toMs, nowMs + 1);
  });
});

test('a series has round buckets, about 60 at most, each of as many windows as the next', () => {
  const ending = (atMs: number, ms: number) => {
    const asked = { fromMs: atMs - ms, toMs: atMs };
    const level = levelOf(asked, nowMs, retention);
    const range = widen(asked, level, nowMs);
    return { ...bucketsOf(asked, { widened: range, level }), range, level };
  };
  const buckets = (ms: number) => {
    const { bucketMs, buckets: count } = ending(nowMs, ms);
    return [bucketMs, count];
  };
  assert.deepEqual(buckets(minuteMs), [10_000, 6]);
  assert.deepEqual(buckets(10 * minuteMs), [10_000, 60]);
  assert.deepEqual(buckets(15 * minuteMs), [20_000, 45]);
  assert.deepEqual(buckets(hourMs), [minuteMs, 60]);
  assert.deepEqual(buckets(hourMs + 1), [2 * minuteMs, 31]);
  assert.deepEqual(buckets(dayMs), [30 * minuteMs, 49]);
  assert.deepEqual(buckets(7 * dayMs), [3 * hourMs, 57]);
  assert.deepEqual(buckets(400 * dayMs), [7 * dayMs, 58]);
  for (const minutes of [5, 11, 15, 20, 45, 90, 200, 370, 5000]) {
    for (const lateMs of [0, 1, 4321, 9999]) {
      const { bucketMs, buckets: count, range, level } = ending(nowMs - lateMs, minutes * minuteMs);
      assert.equal(bucketMs % level.grainMs, 0, `${minutes} minutes`);
      assert.equal(range.fromMs % level.grainMs, 0, `${minutes} minutes`);
      assert.ok(count <= 62, `${count} buckets of ${minutes} minutes`);
      assert.equal(bucketMs, ending(nowMs, minutes * minuteMs).bucketMs, 'a moment later as well');
    }
  }
});
