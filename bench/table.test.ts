import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from './table.ts';

test('blocks share their columns, and what is not known is left out', () => {
  const text = formatTable([
    { title: 'time', unit: 'µs', rows: [{ name: 'base', min: 55, median: 56.125 }] },
    {
      title: 'bill',
      unit: 's',
      rows: [
        {
          name: 'windows',
          min: 1,
          median: 2,
          addedMin: 3,
          addedMedian: 4,
          noops: { min: 2, median: 2.25 },
          note: 'complete',
        },
      ],
    },
  ]);
  assert.deepEqual(text.split('\n'), [
    '           minimum  median  + min  + median    × no-op',
    '',
    'time (µs)',
    '  base       55.00   56.13',
    '',
    'bill (s)',
    '  windows     1.00    2.00   3.00      4.00  2.0 / 2.3  complete',
  ]);
});
