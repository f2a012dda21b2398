/** The added time and CPU per connection of each subject, interleaved, so that a noisy minute falls on all of them. */

import { setTimeout as sleep } from 'node:timers/promises';
import { churn, type ChurnCost, type Placement } from './churn.ts';
import { attachedHooks, nothingAttached } from './links.ts';
import { added, series, type Series } from './series.ts';
import { subjectNames, subjects, type SubjectName } from './subjects.ts';
import type { Block, Row } from './table.ts';

export type Plan = {
  readonly rounds: number;
  readonly connections: number;
  readonly say: (line: string) => void;
};

/** Multiples of what no-op programs add, and the share of what tcplife adds, that Sonde's windows may take. */
export const targets = { noops: 2.2, tcplifeShare: 1 / 6 } as const;

/** How long to wait for somebody else's programs to go. */
const aloneWithinS = 120;
/** Runs that somebody else's programs spoiled are repeated so often. */
const attemptsMax = 5;
/** A namespace that has gone is taken apart in the background. */
const settleMs = 200;

export type Run = ChurnCost & {
  /** What Sonde's records lack; empty when they are complete. */
  readonly lacks: string;
  readonly hooks: readonly string[];
};

/** One run with nobody else's programs attached before, meanwhile and after; throws when that cannot be had. */
async function runAlone(subject: SubjectName, placement: Placement, connections: number): Promise<Run> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (!(await nothingAttached(aloneWithinS))) break;
    await sleep(settleMs);
    let run: Run;
    let undisturbed: boolean;
    {
      await using running = await subjects[subject]();
      const hooks = attachedHooks();
      const cost = await churn(placement, { connections });
      undisturbed = attachedHooks().join() === hooks.join();
      run = { ...cost, hooks, lacks: await running.finish(connections) };
    }
    if (undisturbed && (subject !== 'base' || run.hooks.length === 0)) return run;
  }
  throw new Error('somebody else keeps BPF programs attached here: bpftool link show');
}

/** What the no-op programs are on must be what Sonde is on, or the comparison is void. */
function assertSameHooks(runs: Readonly<Record<SubjectName, readonly Run[]>>): void {
  const hooks = (subject: SubjectName) => runs[subject][0]?.hooks.join(' ') ?? '';
  // A tracepoint link of its own (the sweep's) costs a connection nothing; it is no tracepoint and is not listed here.
  if (hooks('no-op') !== hooks('windows'))
    throw new Error(`hooks: no-op ${hooks('no-op')}; Sonde ${hooks('windows')}`);
}

export type Runs = Readonly<Record<SubjectName, readonly Run[]>>;

export async function runInterleaved(
  placement: Placement,
  { rounds, connections, say }: Plan,
): Promise<Runs> {
  const runs = Object.fromEntries(subjectNames.map((name) => [name, []])) as unknown as Record<
    SubjectName,
    Run[]
  >;
  await churn(placement, { connections }); // warm-up
  for (let round = 1; round <= rounds; round++) {
    for (const subject of subjectNames) {
      const run = await runAlone(subject, placement, connections);
      runs[subject].push(run);
      const cpuUs = (run.cpuS / run.connections) * 1e6;
      say(
        `  ${round}/${rounds} ${subject} ${run.medianUs.toFixed(2)} µs, CPU ${cpuUs.toFixed(2)} µs ${run.lacks}`,
      );
    }
  }
  assertSameHooks(runs);
  return runs;
}

function lacksOf(subject: SubjectName, runs: Runs): string {
  if (subject !== 'windows' && subject !== 'events') return '';
  const lacking = runs[subject].filter(({ lacks }) => lacks !== '');
  return lacking.length === 0 ? 'complete' : `${lacking.length} runs lack: ${lacking[0]?.lacks ?? ''}`;
}

function verdict(
  windows: { min: number; median: number },
  noop: typeof windows,
  tcplife: typeof windows,
): string {
  const noops = [windows.min / noop.min, windows.median / noop.median];
  const shares = [windows.min / tcplife.min, windows.median / tcplife.median];
  const ofTcplife = shares.map((share) => `1/${(1 / share).toFixed(1)}`).join(' and ');
  const met = Math.max(...noops) <= targets.noops && Math.max(...shares) <= targets.tcplifeShare;
  return `${ofTcplife} of tcplife; wanted ${targets.noops} × and 1/6: ${met ? 'met' : 'missed'}`;
}

/** One block: `value` of every run of every subject. `judged`: against the targets. */
export function block(
  runs: Runs,
  { title, value, judged }: { title: string; value: (run: Run) => number; judged: boolean },
): Block {
  const of = (subject: SubjectName): Series => series(runs[subject].map(value));
  const more = (subject: SubjectName) => added(of(subject), of('base'));
  const noop = more('no-op');
  const rows = subjectNames.map((subject): Row => {
    const { min, median } = of(subject);
    if (subject === 'base') return { name: subject, min, median };
    const plus = more(subject);
    const judgement = judged && subject === 'windows' ? verdict(plus, noop, more('tcplife')) : '';
    return {
      name: subject,
      min,
      median,
      addedMin: plus.min,
      addedMedian: plus.median,
      ...(subject === 'no-op'
        ? {}
        : { noops: { min: plus.min / noop.min, median: plus.median / noop.median } }),
      note: [lacksOf(subject, runs), judgement].filter(Boolean).join('; '),
    };
  });
  return { title, unit: 'µs', rows };
}

export const timeOf = (run: Run): number => run.medianUs;
export const cpuOf = (run: Run): number => (run.cpuS / run.connections) * 1e6;
