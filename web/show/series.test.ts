import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Answer, Cell, Column } from '../../src/question/contract.ts';
import { chartData, linesMax, sparkPath, stack } from './series.ts';

const columns: readonly Column[] = [
  { name: 'process.name', type: 'text', title: 'process', description: '' },
  { name: 'over', type: 'series', title: 'over time', description: '' },
];

function answerOf(series: readonly Cell[], more: Partial<Answer> = {}): Answer {
  const share = { part: 1, of: 1, ratio: 1 };
  return {
    question: 'q',
    title: 'q',
    from: '2026-11-25T12:00:00.000Z',
    to: '2026-11-25T12:03:00.000Z',
    bucketMs: 60_000,
    params: {},
    columns,
    rows: series.map((over, i) => ({ 'process.name': `p${i}`, over })),
    truncated: false,
    coverage: {
      nodes: share,
      seconds: share,
      connections: share,
      attribution: share,
      smallest: 1,
      notes: [],
    },
    answeredAt: '2026-11-25T12:03:00.000Z',
    tookMs: 1,
    ...more,
  };
}

describe('chartData', () => {
  test('one line for each row that has anything, the largest first', () => {
    const data = chartData(answerOf([[1, 0, 0], [0, 0, 0], [2, null, 3], null]));
    assert.deepEqual(
      data?.lines.map(({ title, values, total }) => ({ title, values, total })),
      [
        { title: 'p2', values: [2, 0, 3], total: 5 },
        { title: 'p0', values: [1, 0, 0], total: 1 },
      ],
    );
    const start = Date.parse('2026-11-25T12:00:00Z');
    assert.deepEqual(data.timesMs, [start, start + 60_000, start + 120_000]);
  });

  test('what is too much for the eye becomes one line, and nothing is left out of the sum', () => {
    const rows = Array.from({ length: 20 }, (_, i) => [i + 1, 1, 0]);
    const lines = chartData(answerOf(rows))?.lines ?? [];
    assert.equal(lines.length, linesMax);
    assert.equal(lines.at(-1)?.title, '14 others');
    assert.equal(
      lines.reduce((sum, { total }) => sum + total, 0),
      210 + 20,
    );
    const all = stack(lines, 3).at(-1);
    assert.deepEqual(all, [210, 20, 0]);
  });

  test('as many rows as colours are all drawn', () => {
    const lines = chartData(answerOf(Array.from({ length: linesMax }, () => [1])))?.lines ?? [];
    assert.ok(lines.every(({ id }) => id !== ''));
  });

  test('no series, no chart; nothing to show is an empty chart', () => {
    assert.equal(chartData(answerOf([], { columns: columns.slice(0, 1) })), undefined);
    assert.equal(chartData(answerOf([], { bucketMs: 0 })), undefined);
    assert.deepEqual(chartData(answerOf([]))?.lines, []);
    assert.equal(chartData(answerOf([]))?.timesMs.length, 3);
  });
});

test('each line stands on those before it, short ones as if they ended in zero', () => {
  const line = (values: readonly number[]) => ({ id: 'x', title: 'x', values, total: 0 });
  assert.deepEqual(stack([line([1, 2]), line([10])], 3), [
    [1, 2, 0],
    [11, 2, 0],
  ]);
});

test('a sparkline: the largest is as high as the box, little is seen, zero is not', () => {
  const path = sparkPath([0, 10, null, 0.001], { width: 4, height: 10 });
  assert.equal(path, 'M1 10v-10h1v10zM3 10v-1h1v1z');
  assert.equal(sparkPath([0, null], { width: 4, height: 10 }), '');
  assert.equal(sparkPath([], { width: 4, height: 10 }), '');
});
