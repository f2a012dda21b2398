import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Answer, Cell, Column, Coverage } from '../question/contract.ts';
import { answerLines, coverageLines, detectorLines, sparkline } from './answer-lines.ts';
import { painter } from './trace-lines.ts';

const paint = painter(false);
const full = { part: 1, of: 1, ratio: 1 };
const coverage: Coverage = {
  nodes: { part: 3, of: 3, ratio: 1 },
  seconds: { part: 10_710, of: 10_800, ratio: 10_710 / 10_800 },
  connections: { part: 12_344, of: 12_345, ratio: 12_344 / 12_345 },
  attribution: { part: 9996, of: 9999, ratio: 9996 / 9999 },
  smallest: 10_710 / 10_800,
  notes: ['1 open on web-1\u202e not seen'],
};

function column(name: string, type: Column['type'], title = name): Column {
  return { name, type, title, description: name };
}

function answerOf(columns: readonly Column[], rows: readonly Readonly<Record<string, Cell>>[]): Answer {
  const at = new Date(2026, 2, 1, 14, 0, 0);
  return {
    question: 'sample',
    title: 'Sample',
    from: new Date(2026, 2, 1, 13, 0, 0).toISOString(),
    to: at.toISOString(),
    bucketMs: 60_000,
    params: { limit: 2 },
    columns,
    rows,
    truncated: false,
    coverage,
    answeredAt: at.toISOString(),
    tookMs: 1,
  };
}

const everything = [
  column('process.name', 'text', 'Process'),
  column('connection.state', 'state', 'State'),
  column('n', 'count', 'N'),
  column('share', 'ratio', 'Share'),
  column('latency_ms', 'duration_ms', 'Latency'),
  column('bytes.sent', 'bytes', 'Sent'),
  column('first_seen', 'time', 'First'),
  column('over_time', 'series', 'Over time'),
];
const row = {
  'process.name': 'a\u001b[31m',
  'connection.state': 'timed_out',
  n: 1_234_567,
  share: 0.99999,
  latency_ms: 1.5,
  'bytes.sent': 2_500_000,
  first_seen: new Date(2026, 1, 28, 9, 5, 7).toISOString(),
  over_time: [0, 1, 8],
};
const nulls = Object.fromEntries(Object.keys(row).map((name) => [name, null]));

describe('the table', () => {
  test('values by the type of their column, numbers to the right, what is not there as a dash', () => {
    const lines = answerLines(answerOf(everything, [row, nulls]), { columns: 120, paint });
    assert.deepEqual(lines.slice(0, 5), [
      'Sample, 13:00:00 to 14:00:00',
      '',
      'PROCESS    STATE              N   SHARE  LATENCY    SENT  FIRST                OVER TIME',
      'a\\x1b[31m  timed_out  1,234,567  99.9 %  1.50 ms  2.5 MB  2026-02-28 09:05:07   ▁█',
      '–          –                  –       –        –       –  –                    –',
    ]);
  });

  test('a narrow terminal: columns by their weight, the others named', () => {
    for (const columns of [20, 40, 60, 80]) {
      const lines = answerLines(answerOf(everything, [row]), { columns, paint });
      for (const line of lines.slice(2, 4)) assert.ok(Array.from(line).length <= columns, line);
    }
    const last = (columns: number) => answerLines(answerOf(everything, [row]), { columns, paint }).at(-3);
    assert.equal(last(80), 'no room for over_time: --json has them');
    assert.equal(last(20), 'no room for n, share, latency_ms and 3 more: --json has them');
  });

  test('a long text is cut', () => {
    const [, , , line = ''] = answerLines(
      answerOf(everything, [{ ...row, 'process.name': 'x'.repeat(99) }]),
      {
        columns: 200,
        paint,
      },
    );
    assert.ok(line.startsWith(`${'x'.repeat(31)}…  timed_out`), line);
  });

  test('nothing is said to be nothing, with what that rests on', () => {
    const lines = answerLines(answerOf(everything, []), { columns: 80, paint });
    assert.equal(lines[2], 'nothing was seen that answers this');
    assert.match(lines.at(-2) ?? '', /^coverage 99\.1 %: /);
  });

  test('more rows than shown', () => {
    const lines = answerLines({ ...answerOf(everything, [row]), truncated: true }, { columns: 200, paint });
    assert.ok(lines.includes('there are more than 2 rows: --limit N'));
  });
});

test('a question with detectors says how each stands, and of whom it cannot tell', () => {
  const answer = answerOf([], []);
  const armedAt = new Date(2026, 2, 1, 15, 30, 0).toISOString();
  const base = {
    finds: 'scans',
    state: 'armed',
    armedAt,
    findings: 0,
    keys: { armed: 3 },
    limits: [],
  } as const;
  const linesOf = (...detectors: NonNullable<Answer['detectors']>) =>
    detectorLines({ ...answer, detectors }, paint);
  assert.deepEqual(detectorLines(answer, paint), []);
  assert.deepEqual(
    linesOf(
      { ...base, state: 'learning', keys: { learning: 2 } },
      { ...base, state: 'learning', armedAt: null },
      { ...base, state: 'muted', findings: 2 },
      { ...base, finds: 'new', keys: { armed: 2, learning: 1 } },
    ),
    [
      'detector of scans: learning, armed at 15:30:00',
      'detector of scans: learning, armed once nodes are heard',
      'detector of scans: muted in hub.yaml; 2 open findings: sonde findings',
      'what is new: armed; of 3 nodes 1 learning',
    ],
  );
  const limits = [
    {
      labels: { environment: 'prod', 'workload.name': '', 'process.name': 'curl\u202e' },
      why: 'novelty 23 %',
    },
  ];
  assert.deepEqual(
    linesOf({ ...base, keys: { armed: 7, insufficient: 1, learning: 2 }, limits, findings: 1 }),
    [
      'detector of scans: armed; of 10 keys 2 learning, 1 insufficient; prod curl\\u{202e} novelty 23 %; 1 open finding: sonde findings',
    ],
  );
});

describe('coverage', () => {
  test('four shares in words, rounded down, and what is missing', () => {
    assert.deepEqual(coverageLines(coverage, paint), [
      'coverage 99.1 %: nodes 3 of 3 · time 178.5 of 180 min · connections 12,344 of 12,345 · owner known 99.9 %',
      '  1 open on web-1\\u{202e} not seen',
    ]);
  });

  test('how sure the owners are, where there is more than one way', () => {
    const known = (attributions: Readonly<Record<string, number>>) =>
      coverageLines({ ...coverage, attributions, notes: [] }, paint).slice(1);
    assert.deepEqual(known({ unknown: 3, exact: 7996, inherited: 2000 }), [
      '  owners: unknown 0.0 %, exact 79.9 %, inherited 20.0 %',
    ]);
    assert.deepEqual(known({ exact: 9999 }), []);
  });

  test('all of it, and nothing to see', () => {
    const all = { nodes: full, seconds: full, connections: full, attribution: full, smallest: 1, notes: [] };
    assert.match(coverageLines(all, paint)[0] ?? '', /^coverage 100 %: nodes 1 of 1 · time 1 of 1 s · /);
    const none = { part: 0, of: 0, ratio: null };
    const nothing = { nodes: none, seconds: none, connections: none, attribution: none };
    assert.match(
      coverageLines({ ...nothing, smallest: null, notes: [] }, paint)[0] ?? '',
      /^coverage nothing to see: nodes 0 of 0 · time 0 of 0 s/,
    );
  });
});

describe('sparkline', () => {
  test('zero is a blank, little is seen, the most is full', () => {
    assert.equal(sparkline([0, 1, 1000, 500, null]), ' ▁█▄ ');
    assert.equal(sparkline([0, 0]), '  ');
    assert.equal(sparkline([]), '');
  });

  test('many buckets share a bar', () => {
    assert.equal(sparkline([...Array.from({ length: 57 }, () => 0), 1, 0, 0]), `${' '.repeat(19)}█`);
  });
});
