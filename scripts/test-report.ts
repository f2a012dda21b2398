/** Makes the event streams of several runs of node's test runner into one stream with one closing summary. */

import type { Clock } from '../src/lib/clock.ts';

/** What the runner streams, as far as it matters here. */
export interface TestEvent {
  readonly type: string;
  readonly data: unknown;
}

/**
 * The closing lines' own words, in their order, and the field of the summary's counts that each one shows.
 */
const closingLines = [
  ['tests', 'tests'],
  ['suites', 'suites'],
  ['pass', 'passed'],
  ['fail', 'failed'],
  ['cancelled', 'cancelled'],
  ['skipped', 'skipped'],
  ['todo', 'todo'],
] as const;

type Counts = Record<(typeof closingLines)[number][1] | 'topLevel', number>;

export interface TestTotals {
  readonly counts: Counts;
  readonly durationMs: number;
  readonly success: boolean;
}

const nothing: TestTotals = {
  counts: { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0, topLevel: 0 },
  durationMs: 0,
  success: true,
};

/** A run's own closing lines: of the whole run, not of one file in it. */
function isClosingLine(event: TestEvent): boolean {
  const data = event.data as { nesting: number; file?: string };
  return event.type === 'test:diagnostic' && data.nesting === 0 && data.file === undefined;
}

function add(totals: TestTotals, event: TestEvent): TestTotals {
  const data = event.data as { counts: Counts; success: boolean };
  const names = Object.keys(nothing.counts) as (keyof Counts)[];
  const sums = names.map((name) => [name, totals.counts[name] + data.counts[name]] as const);
  return {
    counts: Object.fromEntries(sums) as Counts,
    durationMs: totals.durationMs,
    success: totals.success && data.success,
  };
}

function* closing(totals: TestTotals): Generator<TestEvent> {
  for (const [word, name] of closingLines) {
    const message = `${word} ${totals.counts[name]}`;
    yield { type: 'test:diagnostic', data: { nesting: 0, message, level: 'info' } };
  }
  const duration = `duration_ms ${totals.durationMs.toFixed(0)}`;
  yield { type: 'test:diagnostic', data: { nesting: 0, message: duration, level: 'info' } };
  const { counts, durationMs, success } = totals;
  yield { type: 'test:summary', data: { success, counts, duration_ms: durationMs } };
}

/** Starts all of them at once, and tells of one after the other. */
export async function* sideBySide(
  runs: readonly (() => AsyncIterable<TestEvent>)[],
): AsyncGenerator<TestEvent> {
  for (const events of runs.map((start) => start())) yield* events;
}

/** Starts the runs one after the other. `onEnd` is told the totals before the closing lines are streamed. */
export async function* joinRuns(
  runs: readonly (() => AsyncIterable<TestEvent>)[],
  onEnd: (totals: TestTotals) => void,
  { bootMs }: Pick<Clock, 'bootMs'>,
): AsyncGenerator<TestEvent> {
  const startMs = bootMs();
  let totals = nothing;
  for (const start of runs) {
    for await (const event of start()) {
      const isWhole = event.type === 'test:summary' && (event.data as { file?: string }).file === undefined;
      if (isWhole) totals = add(totals, event);
      else if (!isClosingLine(event)) yield event;
    }
  }
  totals = { ...totals, durationMs: bootMs() - startMs };
  onEnd(totals);
  yield* closing(totals);
}
