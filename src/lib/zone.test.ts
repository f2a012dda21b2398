import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zoneName, zoneOffsetMs } from './zone.ts';

test('how far clocks are ahead, before and after they change', () => {
  const hours = (zone: string, at: string) => zoneOffsetMs(zone, Date.parse(at)) / 3_600_000;
  assert.equal(hours('UTC', '2026-07-01T00:00:00Z'), 0);
  assert.deepEqual(
    ['2026-03-29T00:59:59Z', '2026-03-29T01:00:00Z', '2026-10-25T00:59:59Z', '2026-10-25T01:00:00Z'].map(
      (at) => hours('Europe/Berlin', at),
    ),
    [1, 2, 2, 1],
  );
  assert.deepEqual(
    ['2026-03-08T06:59:59Z', '2026-03-08T07:00:00Z', '2026-11-01T05:59:59Z', '2026-11-01T06:00:00Z'].map(
      (at) => hours('America/New_York', at),
    ),
    [-5, -4, -4, -5],
  );
  assert.equal(hours('Asia/Kolkata', '2026-01-01T00:00:00Z'), 5.5);
  assert.throws(() => zoneOffsetMs('Mars/Base', 0), RangeError);
});

test('the name of a zone, and what is none', () => {
  assert.equal(zoneName('europe/berlin'), 'Europe/Berlin');
  assert.equal(zoneName('Mars/Base'), undefined);
  assert.equal(zoneName('+02:00'), undefined);
});
