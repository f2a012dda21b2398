/**
 * Cumulative sum for a share (Page 1954; Reynolds and Stoumbos 1999): x of n, step by step, is weighed by how
 * much likelier p1 makes it than the usual p0. The sum never falls below 0 and is an alarm at h. Its mean
 * time to a false alarm is at least e^h steps (Lorden 1971), so h comes from a budget: the logarithm of all
 * steps of all keys in which one false alarm is allowed. That holds for a share that stands still. Real ones
 * wander, so p1 is above what the last day's minutes had, and the share since the sum left 0 must reach it.
 * Deployments multiply it for minutes, also when it has just wandered up: until the sum has been above 0 for
 * longer than that, the share must be further above the last day's.
 */

import { count, decay, defineMethod, threshold, type Step } from '../method.ts';

interface State {
  readonly atMs: number;
  readonly firstMs: number;
  /** Fade with time; their ratio is p0. */
  readonly x: number;
  readonly n: number;
  readonly sum: number;
  /** Since the sum left 0. */
  readonly xOfSum: number;
  readonly nOfSum: number;
  readonly sinceMs?: number | undefined;
  /** Some minutes that are under way, and the shares of those before. */
  readonly block: { readonly ms: number; readonly x: number; readonly n: number };
  readonly shares: readonly number[];
}

const [minuteMs, hourMs] = [60_000, 3_600_000];

const blockMs = 600_000;
const blockClosesMin = 100;
/** A day of blocks. */
const sharesMax = 144;

/**
 * Puts these closes to the minutes that are under way, and those, when they are over, to the ones before.
 * While nothing is learned they are not over: what began a burst would be the day's highest share.
 */
function learn(step: Step<State>, { x, n }: { x: number; n: number }): Pick<State, 'block' | 'shares'> {
  const { block = { ms: step.atMs, x: 0, n: 0 }, shares = [] } = step.state ?? {};
  if (n === 0) return { block, shares };
  const now = { ms: block.ms, x: block.x + x, n: block.n + n };
  if (step.atMs - now.ms < blockMs || now.n < blockClosesMin) return { block: now, shares };
  const share = Number((now.x / now.n).toPrecision(3));
  return { block: { ms: step.atMs, x: 0, n: 0 }, shares: [...shares, share].slice(-sharesMax) };
}

/** The share that is usual, those that are looked for, and whether they can be told apart. */
function usualOf(step: Step<State>) {
  const { state, atMs } = step;
  const of = (name: string): number => threshold(step, name);
  const kept = state ? decay(atMs - state.atMs, of('half_life_h') * hourMs) : 0;
  const before = { x: (state?.x ?? 0) * kept, n: (state?.n ?? 0) * kept };
  const p0 = Math.max(of('share_min'), before.n === 0 ? 0 : before.x / before.n);
  const highest = Math.max(0, ...(state?.shares ?? []));
  const raised = Math.max(of('times') * p0, of('times_highest') * highest, of('raised_min'));
  const p1 = Math.min(of('raised_max'), raised);
  const brief = Math.max(p1, Math.min((1 + p1) / 2, of('times_brief') * highest));
  const firstMs = state?.firstMs ?? atMs;
  const isLearning = before.n < of('closes_learned') || atMs - firstMs < of('hours_learned') * hourMs;
  const status = isLearning ? 'learning' : p0 >= of('raised_max') ? 'insufficient' : 'armed';
  const why = status === 'insufficient' ? `usual share ${String(Math.round(100 * p0))} %` : undefined;
  return { before, firstMs, p0, p1, brief, status, why } as const;
}

function budgeted(step: Step<State>): number {
  const steps = (threshold(step, 'budget_days') * 24 * hourMs) / step.stepMs;
  return Math.log(Math.max(threshold(step, 'keys'), step.keys) * steps);
}

type Run = Pick<State, 'sum' | 'xOfSum' | 'nOfSum' | 'sinceMs'>;
const noRun: Run = { sum: 0, xOfSum: 0, nOfSum: 0 };

function summed(
  { state, atMs }: Step<State>,
  { x, n }: { readonly x: number; readonly n: number },
  { p0, p1, status }: { readonly p0: number; readonly p1: number; readonly status: string },
): Run {
  const run: Run = state ?? noRun;
  const weight = x * Math.log(p1 / p0) + (n - x) * Math.log((1 - p1) / (1 - p0));
  const sum = status === 'armed' ? Math.max(0, run.sum + weight) : 0;
  if (sum === 0) return noRun;
  return { sum, xOfSum: run.xOfSum + x, nOfSum: run.nOfSum + n, sinceMs: run.sinceMs ?? atMs };
}

/** Whether its share is that, and not by chance: three deviations above what it gives of so many. */
function reaches({ xOfSum, nOfSum }: Run, share: number): boolean {
  return xOfSum >= share * nOfSum + 3 * Math.sqrt(share * nOfSum);
}

export const method = defineMethod<State>({
  revision: 2,
  thresholds: [
    ...['half_life_h', 'share_min', 'times', 'times_highest', 'raised_min', 'raised_max'],
    ...['brief_min', 'times_brief', 'resets', 'closes_learned', 'hours_learned', 'keys', 'budget_days'],
  ],
  step(step) {
    const { seen: all, atMs } = step;
    const [seen = {}] = all;
    const [x, n] = [count(seen, 'x'), count(seen, 'n')];
    const usual = usualOf(step);
    const { before, firstMs, p0, p1, brief, status, why } = usual;
    const h = budgeted(step);
    const run = summed(step, { x, n }, usual);
    const { sum, xOfSum, nOfSum } = run;
    const isBrief = atMs + step.stepMs - (run.sinceMs ?? atMs) < threshold(step, 'brief_min') * minuteMs;
    const fires = sum >= h && xOfSum >= threshold(step, 'resets') && reaches(run, isBrief ? brief : p1);
    const isOver = fires || (sum >= 3 * h && !isBrief);
    // What may be a burst is not learned as usual; more than usual, and no burst, is.
    const fresh = isOver && !fires ? { x: xOfSum, n: nOfSum } : sum > h / 2 ? { x: 0, n: 0 } : { x, n };
    const learned = { x: before.x + fresh.x, n: before.n + fresh.n, ...learn(step, fresh) };
    const minutes = fires ? { block: { ms: atMs, x: 0, n: 0 } } : {};
    const firing = {
      seen,
      severity: x >= n / 2 ? 'critical' : 'warning',
      statistic: sum,
      baseline: p0,
      threshold: h,
      facts: { resets: x, closes: n, clients: count(seen, 'clients') },
    } as const;
    return {
      state: { atMs, firstMs, ...learned, ...minutes, ...(isOver ? noRun : run) },
      status,
      why,
      firings: fires ? [firing] : [],
    };
  },
});
