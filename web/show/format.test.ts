import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  formatCell,
  formatCount,
  formatRatio,
  formatSpan,
  formatTime,
  formatUtc,
  numberOf,
  timeOf,
} from './format.ts';

describe('formatCell', () => {
  const cases = [
    ['count', 12345, '12,345'],
    ['count', '18446744073709551615', '18,446,744,073,709,551,615'],
    ['count', 0.25, '0.3'],
    ['port', 65535, '65535'],
    ['ratio', 0.998, '99.8 %'],
    ['duration_ms', 0.54, '540 µs'],
    ['duration_ms', 1500, '1.50 s'],
    ['bytes', 1_234_567, '1.2 MB'],
    ['ip', '2001:db8::1', '2001:db8::1'],
    ['text', '<b>x</b>', '<b>x</b>'],
    ['text', true, 'yes'],
    ['text', '', '–'],
    ['count', null, '–'],
    ['count', undefined, '–'],
    // A hub of another version may send what its column does not say: shown, not hidden.
    ['count', 'many', 'many'],
    ['series', [1, null, 3000], '1 – 3,000'],
  ] as const;
  for (const [type, value, text] of cases) {
    test(`${type} ${value === undefined ? 'missing' : JSON.stringify(value)}`, () =>
      assert.equal(formatCell(type, value), text));
  }
});

test('a ratio is 100 % only when it is whole, and keeps its decimal otherwise', () => {
  assert.equal(formatRatio(1), '100 %');
  assert.equal(formatRatio(0.99999), '99.9 %');
  assert.equal(formatRatio(0.3), '30.0 %');
  assert.equal(formatRatio(0.29), '29.0 %');
  assert.equal(formatRatio(0), '0 %');
});

test('a span is in the largest unit that says enough', () => {
  assert.equal(formatSpan({ partS: 3480, ofS: 3600 }), '58 of 60 min');
  assert.equal(formatSpan({ partS: 295, ofS: 300 }), '4.9 of 5 min');
  assert.equal(formatSpan({ partS: 60, ofS: 60 }), '60 of 60 s');
  assert.equal(formatSpan({ partS: 86_000, ofS: 86_400 }), '23.8 of 24 h');
  assert.equal(formatSpan({ partS: 604_800, ofS: 604_800 }), '7 of 7 d');
});

test('times are local, with the day only where it is another one', () => {
  const noon = Date.parse('2026-11-25T12:00:00Z');
  assert.equal(formatTime(noon, noon + 3_600_000, 'UTC'), '12:00:00');
  assert.equal(formatTime(noon, noon + 13 * 3_600_000, 'UTC'), '25 Nov 12:00:00');
  // The same moments are on one day in New York.
  assert.equal(formatTime(noon, noon + 13 * 3_600_000, 'America/New_York'), '07:00:00');
  assert.equal(formatUtc(noon), '2026-11-25 12:00:00.000 UTC');
});

test('a time without a zone is UTC', () => {
  assert.equal(timeOf('2026-11-25 12:00:00.250'), Date.UTC(2026, 10, 25, 12, 0, 0, 250));
  assert.equal(timeOf('2026-11-25T13:00:00+01:00'), Date.UTC(2026, 10, 25, 12));
  assert.equal(timeOf('never'), undefined);
  assert.equal(timeOf(null), undefined);
});

test('numbers may come as text, and text is no number by accident', () => {
  assert.equal(numberOf('42'), 42);
  assert.equal(numberOf('1e9'), undefined);
  assert.equal(numberOf(''), undefined);
  assert.equal(numberOf(Number.NaN), undefined);
  assert.equal(formatCount(numberOf(-1234.56) ?? 0), '-1,234.6');
});
