import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Answer, Cell, Column } from './contract.ts';
import { encodeCsv, encodeNdjson } from './encode.ts';

const none = { part: 0, of: 0, ratio: null };
const column = (name: string, type: Column['type']): Column => ({
  name,
  type,
  title: name,
  description: name,
});

function answerOf(columns: readonly Column[], rows: readonly Readonly<Record<string, Cell>>[]): Answer {
  return {
    question: 'sample',
    title: 'Sample',
    from: '2026-03-01T10:00:00.000Z',
    to: '2026-03-01T11:00:00.000Z',
    bucketMs: 60_000,
    params: {},
    columns,
    rows,
    truncated: false,
    coverage: {
      nodes: none,
      seconds: none,
      connections: none,
      attribution: none,
      smallest: null,
      notes: ['x'],
    },
    answeredAt: '2026-03-01T11:00:00.000Z',
    tookMs: 3,
  };
}

describe('CSV', () => {
  const columns = [column('process.name', 'text'), column('n', 'count'), column('over_time', 'series')];

  test('canonical names, CRLF, quotes doubled, null as nothing, a series with blanks', () => {
    const rows = [
      { 'process.name': 'a "b", c\nd', n: -3, over_time: [1, null, 2] },
      { 'process.name': null, n: null, over_time: [] },
    ];
    assert.equal(
      encodeCsv(answerOf(columns, rows)),
      'process.name,n,over_time\r\n"a ""b"", c\nd",-3,1  2\r\n,,\r\n',
    );
  });

  for (const text of ['=1+1', '+1', '-bash', '@SUM(A1)', '\tx', '\r=x']) {
    test(`text that a spreadsheet would compute: ${JSON.stringify(text)}`, () => {
      const line = encodeCsv(answerOf([column('p', 'text')], [{ p: text }]))
        .split('\r\n')
        .slice(1)
        .join('\r\n');
      assert.match(line, /^"?'/);
    });
  }
});

test('NDJSON: the rows, then all the rest', () => {
  const lines = encodeNdjson(answerOf([column('n', 'count')], [{ n: 1 }, { n: 2 }])).split('\n');
  assert.deepEqual(lines.slice(0, 2), ['{"n":1}', '{"n":2}']);
  const last = JSON.parse(lines[2] ?? '') as { answer: Partial<Answer> };
  assert.deepEqual(last.answer.coverage?.notes, ['x']);
  assert.equal(last.answer.rows, undefined);
  assert.equal(lines.length, 4);
});
