/**
 * The added time and CPU per connection of each subject, interleaved, so that a noisy minute falls on all of
 * them.
 */

import { churn, type ChurnCost, type Placement } from './churn.ts';
import { attachedHooks } from './links.ts';
import { besides, quietest } from './quiet.ts';
import { added, series, type Series } from './series.ts';
import { subjectNames, subjects, type SubjectName } from './subjects.ts';
import type { Block, Row } from './table.ts';

export type Plan = {
  readonly rounds: number;
  readonly connections: number;
  readonly say: (line: string) => void;
};

/** Less than this is noise: nothing is compared with it. */
const noticeableUs = 0.1;

/**
 * Multiples of what no-op programs add on exactly the hooks that are attached, and the share of what tcplife
 * adds, that Sonde may take.
 */
export const targets = {
  windows: { noop: 'no-op', noops: 2.2, tcplifeShare: 1 / 6 },
  'all signals': { noop: 'no-op all', noops: 3, tcplifeShare: 1 },
} as const;
type Judged = keyof typeof targets;

const isJudged = (subject: SubjectName): subject is Judged => subject in targets;

export type Run = ChurnCost & {
  /** What Sonde's records lack; empty when they are complete. */
  readonly lacks: string;
  readonly hooks: readonly string[];
  /** What other processes used meanwhile, as a share of one CPU. */
  readonly others: number;
};

/** Undefined when programs came or went meanwhile that are not the subject's. */
async function runOnce(
  subject: SubjectName,
  placement: Placement,
  connections: number,
): Promise<Run | undefined> {
  await using running = await subjects[subject]();
  const hooks = attachedHooks();
  const cost = await besides(running.pid, () => churn(placement, { connections }));
  const alone = attachedHooks().join() === hooks.join() && (subject !== 'base' || hooks.length === 0);
  const lacks = await running.finish(connections);
  return alone ? { ...cost, hooks, lacks } : undefined;
}

/** What the no-op programs are on must be what Sonde is on, or the comparison is void. */
function assertSameHooks(runs: Readonly<Record<SubjectName, readonly Run[]>>): void {
  const hooks = (subject: SubjectName) => runs[subject][0]?.hooks.join(' ') ?? '';
  // A tracepoint link of its own (the sweep's) costs a connection nothing; it is no tracepoint and is not
  // listed here.
  for (const [subject, { noop }] of Object.entries(targets) as [Judged, (typeof targets)[Judged]][])
    if (hooks(noop) !== hooks(subject))
      throw new Error(`hooks of ${subject}: ${hooks(subject)}; of ${noop}: ${hooks(noop)}`);
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
      const run = await quietest(() => runOnce(subject, placement, connections));
      runs[subject].push(run);
      const [mean, cpu] = [meanOf(run).toFixed(2), cpuOf(run).toFixed(2)];
      const others = `others ${(run.others * 100).toFixed(0)} %`;
      const times = `mean ${mean} median ${run.medianUs.toFixed(2)} CPU ${cpu} µs, ${others}`;
      say(`  ${round}/${rounds} ${subject}: ${times} ${run.lacks}`);
    }
  }
  assertSameHooks(runs);
  return runs;
}

function lacksOf(subject: SubjectName, runs: Runs): string {
  if (subject === 'base' || subject.startsWith('no-op')) return '';
  const lacking = runs[subject].filter(({ lacks }) => lacks !== '');
  const checked = subject.startsWith('tcp') ? '' : 'complete';
  return lacking.length === 0 ? checked : `${lacking.length} runs lack: ${lacking[0]?.lacks ?? ''}`;
}

type Added = { readonly min: number; readonly median: number };

const isNoticeable = ({ min, median }: Added): boolean => Math.min(min, median) >= noticeableUs;

function verdict(subject: Judged, more: (of: SubjectName) => Added): string {
  const target = targets[subject];
  const [plus, noop, tcplife] = [more(subject), more(target.noop), more('tcplife')];
  const noops = Math.max(plus.min / noop.min, plus.median / noop.median);
  const share = Math.max(plus.min / tcplife.min, plus.median / tcplife.median);
  const measurable = isNoticeable(noop);
  const ofNoops = !measurable
    ? 'not to be said: no-op is within the noise'
    : noops <= target.noops
      ? 'met'
      : 'missed';
  const ofTcplife = share <= target.tcplifeShare ? 'met' : 'missed';
  const wanted = `1/${(1 / target.tcplifeShare).toFixed(0)} of tcplife`;
  return `${target.noops} × ${target.noop} ${ofNoops}; ${wanted} ${ofTcplife} (1/${(1 / share).toFixed(1)})`;
}

/** One block: `value` of every run of every subject. `judged`: against the targets. */
export function block(
  runs: Runs,
  { title, value, judged }: { title: string; value: (run: Run) => number; judged: boolean },
): Block {
  const of = (subject: SubjectName): Series => series(runs[subject].map(value));
  const more = (subject: SubjectName) => added(of(subject), of('base'));
  const rows = subjectNames.map((subject): Row => {
    const { min, median } = of(subject);
    if (subject === 'base') return { name: subject, min, median };
    const plus = more(subject);
    const judgement = judged && isJudged(subject) ? verdict(subject, more) : '';
    const noop = more(isJudged(subject) ? targets[subject].noop : 'no-op');
    return {
      name: subject,
      min,
      median,
      addedMin: plus.min,
      addedMedian: plus.median,
      ...(isNoticeable(noop) && !subject.startsWith('no-op')
        ? { noops: { min: plus.min / noop.min, median: plus.median / noop.median } }
        : {}),
      note: [lacksOf(subject, runs), judgement].filter(Boolean).join('; '),
    };
  });
  return { title, unit: 'µs', rows };
}

export const meanOf = (run: Run): number => (run.elapsedS / run.connections) * 1e6;
export const medianOf = (run: Run): number => run.medianUs;
export const cpuOf = (run: Run): number => (run.cpuS / run.connections) * 1e6;
