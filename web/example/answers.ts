/** Made-up questions and answers, for work on the page without a hub: one of every column type. */
import type { Answer, Cell, Column, Coverage, QuestionSummary, Share } from '../../src/question/contract.ts';
import type { Prng } from '../../src/lib/prng.ts';
import type { Finding } from '../../src/question/finding.ts';
import type { Overview } from '../../src/question/overview.ts';

type ColumnText = readonly [name: string, type: Column['type'], title: string, description: string];

function columnsOf(texts: readonly ColumnText[]): readonly Column[] {
  return texts.map(([name, type, title, description]) => ({ name, type, title, description }));
}

const trouble = columnsOf([
  ['destination.ip', 'ip', 'destination', 'Address that was called'],
  ['destination.port', 'port', 'port', 'Port that was called'],
  ['process.name', 'text', 'process', 'Who called'],
  ['host.name', 'text', 'host', 'Where it ran'],
  ['connection.state', 'state', 'state', 'How the calls ended'],
  ['failed', 'count', 'failed', 'Calls that ended so, in the range'],
  ['attempts', 'count', 'attempts', 'All calls of this process to this destination'],
  ['share', 'ratio', 'share', 'Failed of attempts'],
  ['latency.p95_ms', 'duration_ms', 'p95', 'Latency that 95 % of the successful calls stayed below'],
  ['bytes.sent', 'bytes', 'sent', 'Bytes sent on all of them'],
  ['first_seen', 'time', 'first', 'First failure in the range'],
  ['last_seen', 'time', 'last', 'Last failure in the range'],
  ['failed.series', 'series', 'failed over time', 'Failed calls in each part of the range'],
]);

const plain = trouble.filter(({ type }) => type !== 'series');

export const exampleQuestions: readonly QuestionSummary[] = [
  {
    id: 'example-trouble',
    title: 'Trouble by destination',
    asks: 'Which destinations fail the most, for whom, and since when?',
    params: [
      { name: 'process', type: 'text', description: 'Only this process', default: '' },
      {
        name: 'port',
        type: 'integer',
        description: 'Only this port; 0 is any',
        default: 0,
        min: 0,
        max: 65535,
      },
      {
        name: 'direction',
        type: 'choice',
        description: 'Whose calls',
        default: 'egress',
        values: ['egress', 'ingress'],
      },
      { name: 'new', type: 'boolean', description: 'Only what was not there the day before', default: false },
    ],
    columns: trouble,
  },
  {
    id: 'example-many',
    title: 'Everything that was called',
    asks: 'Which destinations were called at all, by whom, and how did it end? Long, without a series.',
    params: [],
    columns: plain,
  },
];

const processes = ['storefront', 'checkout', 'reports', 'curl', 'node', 'backup', 'mobile-api', 'search'];
const states = ['timed_out', 'refused', 'reset', 'closed', 'open', 'canceled', 'unreachable', 'failed'];
const strange = ['<img src=x onerror=alert(1)>', 'evil\u202egnp.exe', 'בדיקה', 'bell\u0007\u001b[31m'];

function pick<T>(prng: Prng, from: readonly T[]): T {
  return from[prng.below(from.length)] as T;
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

const bucketsMax = 60;

function series(prng: Prng, scale: number): number[] {
  const begins = prng.unit() < 0.4 ? prng.below(bucketsMax) : 0;
  return Array.from({ length: bucketsMax }, (_, i) =>
    i < begins || prng.unit() < 0.3 ? 0 : Math.floor(prng.unit() * scale),
  );
}

function exampleRow(prng: Prng, rank: number, { fromMs, toMs }: Span): Record<string, Cell> {
  const values = series(prng, 400 / (rank + 1));
  const failed = values.reduce((sum, value) => sum + value, 0);
  const attempts = Math.ceil(failed * (1 + prng.unit() * 3));
  const name = rank % 9 === 4 ? strange[(rank >> 3) % strange.length] : pick(prng, processes);
  const byte = (): number => prng.below(255);
  const isV6 = prng.unit() < 0.15;
  return {
    'destination.ip': isV6
      ? `2001:db8:${byte().toString(16)}::${byte().toString(16)}`
      : `10.${byte()}.0.${byte()}`,
    'destination.port': pick(prng, [443, 5432, 6379, 8443, 9200, 25]),
    'process.name': name ?? '',
    'host.name': pick(prng, ['web-1', 'web-2', 'db-1']),
    'connection.state': states[rank % states.length] ?? 'open',
    failed,
    attempts,
    share: attempts === 0 ? null : failed / attempts,
    'latency.p95_ms': prng.unit() < 0.2 ? null : prng.unit() ** 4 * 3000,
    'bytes.sent': Math.floor(prng.unit() ** 6 * 5e9),
    first_seen: new Date(fromMs + prng.unit() * (toMs - fromMs)).toISOString(),
    last_seen: new Date(toMs - prng.unit() * 1e5).toISOString(),
    'failed.series': values,
  };
}

export function share(part: number, of: number): Share {
  return { part, of, ratio: of === 0 ? null : part / of };
}

export function coverageOf(
  shares: Pick<Coverage, 'nodes' | 'seconds' | 'connections' | 'attribution'>,
  notes: readonly string[],
): Coverage {
  const ratios = Object.values(shares)
    .map(({ ratio }) => ratio)
    .filter((ratio) => ratio !== null);
  return { ...shares, smallest: ratios.length === 0 ? null : Math.min(...ratios), notes };
}

const whole = coverageOf(
  {
    nodes: share(3, 3),
    seconds: share(3 * 3590, 3 * 3600),
    connections: share(12_345, 12_345),
    attribution: share(12_321, 12_345),
  },
  [],
);

export function exampleAnswer(
  prng: Prng,
  asked: { readonly question: QuestionSummary; readonly rows: number; readonly span: Span },
): Answer {
  const { question, rows, span } = asked;
  return {
    question: question.id,
    title: question.title,
    from: new Date(span.fromMs).toISOString(),
    to: new Date(span.toMs).toISOString(),
    bucketMs: (span.toMs - span.fromMs) / bucketsMax,
    params: {},
    columns: question.columns,
    rows: Array.from({ length: rows }, (_, rank) => exampleRow(prng, rank, span)),
    truncated: false,
    coverage: whole,
    detectors: [
      {
        finds: 'trouble',
        state: 'armed',
        armedAt: new Date(span.fromMs).toISOString(),
        findings: 1,
        keys: { armed: 11, insufficient: 1 },
        limits: [{ labels: { 'process.name': 'crawler\u202e' }, why: 'novelty 23 %' }],
      },
    ],
    answeredAt: new Date(span.toMs).toISOString(),
    tookMs: 12,
  };
}

export function exampleOverview(prng: Prng, { fromMs, toMs }: Span): Overview {
  const failed = ['timed_out', 'refused', 'reset'].map((state, rank) => {
    const byBucket = series(prng, 40 / (rank + 1));
    return { state, connections: byBucket.reduce((sum, value) => sum + value, 0), byBucket };
  });
  return {
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    bucketMs: (toMs - fromMs) / bucketsMax,
    opened: Array.from({ length: bucketsMax }, () => 300 + prng.below(80)),
    failed,
    coverage: whole,
  };
}

function exampleFinding(rank: number, nowMs: number): Finding {
  const process = rank === 1 ? '<img src=x onerror=alert(1)>' : (processes[rank % processes.length] ?? '');
  const startedMs = nowMs - rank * 17 * 60_000;
  return {
    id: `example-${rank}`,
    question: 'example-trouble',
    finds: 'trouble',
    title: `${process} fails to reach 10.31.9.${rank}:5432`,
    severity: rank === 0 ? 'critical' : 'warning',
    labels: { 'process.name': process },
    state: 'open',
    startedAt: new Date(startedMs).toISOString(),
    lastAt: new Date(nowMs).toISOString(),
    closedAt: null,
    statistic: 12,
    baseline: 1,
    threshold: 5,
    windowMs: 60_000,
    facts: {},
    evidence: {
      query: {
        from: new Date(startedMs).toISOString(),
        to: new Date(nowMs).toISOString(),
        process,
      },
      rows: [],
    },
    nextStep: 'Look at the other end.',
    technique: '',
    muted: '',
  };
}

/** Newest first. */
export function exampleFindings(count: number, nowMs: number): readonly Finding[] {
  return Array.from({ length: count }, (_, rank) => exampleFinding(rank, nowMs));
}
