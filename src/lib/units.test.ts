import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatBytes, formatMs, parseBytes, parseDurationMs } from './units.ts';

describe('parse', () => {
  test('durations', () => {
    const cases = {
      '0ms': 0,
      '250ms': 250,
      '10s': 10_000,
      '1.5s': 1500,
      '1.33333333h': 4_800_000,
      '5m': 300_000,
      '1h': 3_600_000,
      '7d': 604_800_000,
    };
    for (const [text, ms] of Object.entries(cases)) assert.equal(parseDurationMs(text), ms, text);
  });

  test('sizes, in bytes and whole', () => {
    const cases = {
      '1B': 1,
      '512KiB': 524_288,
      '1kB': 1000,
      '100MB': 1e8,
      '4MiB': 4_194_304,
      '1.5GB': 1.5e9,
      '2GiB': 2 ** 31,
      '0.3kB': 300,
      '1.0001kB': 1000,
    };
    for (const [text, size] of Object.entries(cases)) assert.equal(parseBytes(text), size, text);
  });

  test('what has no unit, another one or a sign is nothing', () => {
    const bad = [
      '',
      '10',
      's',
      '10 s',
      '-1s',
      '+1s',
      '1e3s',
      '.5s',
      '1.s',
      '10S',
      '1w',
      '10s5',
      '1constructor',
      '1toString',
    ];
    for (const text of bad) assert.equal(parseDurationMs(text), undefined, text);
    for (const text of ['10', '1KB', '1mb', '1Mib', '1 MB', '1constructor', '1__proto__']) {
      assert.equal(parseBytes(text), undefined, text);
    }
  });
});

describe('format', () => {
  test('milliseconds: three digits, in the unit that people would take', () => {
    const cases: readonly (readonly [number, string])[] = [
      [0, '0 µs'],
      [0.05, '50 µs'],
      [0.9994, '999 µs'],
      [0.9996, '1.00 ms'],
      [1.234, '1.23 ms'],
      [9.996, '10.0 ms'],
      [20, '20.0 ms'],
      [99.96, '100 ms'],
      [345.6, '346 ms'],
      [999.4, '999 ms'],
      [999.6, '1.00 s'],
      [1500, '1.50 s'],
      [12_345, '12.3 s'],
      [59_940, '59.9 s'],
      [59_960, '1.00 min'],
      [90_000, '1.50 min'],
      [3_600_000, '60.0 min'],
      [86_400_000, '1440 min'],
    ];
    for (const [ms, text] of cases) assert.equal(formatMs(ms), text, String(ms));
  });

  test('bytes: whole, or up to three digits of the next unit', () => {
    const cases: readonly (readonly [number, string])[] = [
      [0, '0 B'],
      [980, '980 B'],
      [999, '999 B'],
      [1000, '1.0 kB'],
      [1234, '1.2 kB'],
      [99_960, '100 kB'],
      [999_400, '999 kB'],
      [999_999, '1.0 MB'],
      [1_234_567, '1.2 MB'],
      [2.5e9, '2.5 GB'],
      [7e12, '7.0 TB'],
      [5e15, '5000 TB'],
    ];
    for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text, String(bytes));
  });
});
