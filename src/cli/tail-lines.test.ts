import assert from 'node:assert/strict';
import { test } from 'node:test';
import { searchColumns } from '../question/search/columns.ts';
import { filledColumns } from '../model/row/rows.ts';
import { tailLines } from './tail-lines.ts';
import { painter } from './trace-lines.ts';

test('columns keep their places, and those without room are left out', () => {
  const columns = searchColumns('flows', filledColumns.flows);
  const lines = tailLines(columns, { columns: 107, paint: painter(false) });
  assert.equal(
    lines.header,
    'TIME      PROCESS           DIRECTION  DESTINATION                   ADDRESS           PORT  STATE',
  );
  const at = new Date(2026, 0, 31, 14, 2, 5).toISOString();
  const row = {
    'window.start': at,
    'process.name': 'a\u001b[2J',
    direction: 'egress',
    'destination.name': 'a'.repeat(40),
    'destination.ip': '10.0.0.1',
    'destination.port': 443,
  };
  assert.equal(
    lines.row(row, at),
    `14:02:05  a\\x1b[2J          egress     ${'a'.repeat(27)}…  10.0.0.1           443  –`,
  );
  const none =
    '–         –                 –          –                             –                    –  –';
  assert.equal(lines.row({}, at), none);
});
