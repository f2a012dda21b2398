import assert from 'node:assert/strict';
import { test } from 'node:test';
import { facetLines } from './facet-lines.ts';
import { painter } from './trace-lines.ts';

test('the most frequent values, and how many more there are', () => {
  const values = [
    { value: 'curl', rows: 1200 },
    { value: '', rows: 30 },
    { value: '\u001b[2J', rows: 1 },
    { value: 'x'.repeat(100), rows: 1 },
  ];
  assert.deepEqual(facetLines({ field: 'process.name', different: 9, rows: 1237, values }, painter(false)), [
    'process.name  9 different in 1,237',
    '  1,200  curl',
    '     30  –',
    '      1  \\x1b[2J',
    `      1  ${'x'.repeat(59)}…`,
    '  and 5 more',
  ]);
  assert.deepEqual(facetLines({ field: 'direction', different: 0, rows: 0, values: [] }, painter(false)), [
    'direction  no row has it',
  ]);
});
