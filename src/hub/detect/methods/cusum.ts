/**
 * Cumulative sum for a share (Page 1954; Reynolds and Stoumbos 1999): x of n, step by step, is weighed by how
 * much likelier p1 makes it than the usual p0. The sum never falls below 0 and is an alarm at h. Its mean
 * time to a false alarm is at least e^h steps (Lorden 1971), so h comes from a budget: the logarithm of all
 * steps of all keys in which one false alarm is allowed.
 */

import { count, decay, defineMethod, threshold, type Step } from '../method.ts';

interface State {
  readonly atMs: number;
  readonly firstMs: number;
  /** Fade with time; their ratio is p0. */
  readonly x: number;
  readonly n: number;
  readonly sum: number;
  /** x since the sum left 0. */
  readonly xOfSum: number;
}

const hourMs = 3_600_000;

/** The share that is usual, the one that is looked for, and whether they can be told apart. */
function usualOf(step: Step<State>) {
  const { state, atMs } = step;
  const of = (name: string): number => threshold(step, name);
  const kept = state ? decay(atMs - state.atMs, of('half_life_h') * hourMs) : 0;
  const before = { x: (state?.x ?? 0) * kept, n: (state?.n ?? 0) * kept };
  const p0 = Math.max(of('share_min'), before.n === 0 ? 0 : before.x / before.n);
  const p1 = Math.min(of('raised_max'), Math.max(of('times') * p0, of('raised_min')));
  const firstMs = state?.firstMs ?? atMs;
  const isLearning = before.n < of('closes_learned') || atMs - firstMs < of('hours_learned') * hourMs;
  const status = isLearning ? 'learning' : p0 >= of('raised_max') ? 'insufficient' : 'armed';
  return { before, firstMs, p0, p1, status } as const;
}

function budgeted(step: Step<State>): number {
  const steps = (threshold(step, 'budget_days') * 24 * hourMs) / step.stepMs;
  return Math.log(Math.max(threshold(step, 'keys'), step.keys) * steps);
}

export const method = defineMethod<State>({
  revision: 1,
  thresholds: [
    ...['half_life_h', 'share_min', 'times', 'raised_min', 'raised_max'],
    ...['resets', 'closes_learned', 'hours_learned', 'keys', 'budget_days'],
  ],
  step(step) {
    const { state, seen: all, atMs } = step;
    const [seen = {}] = all;
    const [x, n] = [count(seen, 'x'), count(seen, 'n')];
    const { before, firstMs, p0, p1, status } = usualOf(step);
    const h = budgeted(step);
    const weight = x * Math.log(p1 / p0) + (n - x) * Math.log((1 - p1) / (1 - p0));
    const sum = status === 'armed' ? Math.max(0, (state?.sum ?? 0) + weight) : 0;
    const xOfSum = sum === 0 ? 0 : (state?.xOfSum ?? 0) + x;
    const fires = sum >= h && xOfSum >= threshold(step, 'resets');
    // What may be a burst is not learned as usual.
    const learned = sum > h / 2 ? before : { x: before.x + x, n: before.n + n };
    const firing = {
      seen,
      severity: x >= n / 2 ? 'critical' : 'warning',
      statistic: sum,
      baseline: p0,
      threshold: h,
      facts: { resets: x, closes: n, clients: count(seen, 'clients') },
    } as const;
    return {
      state: { atMs, firstMs, ...learned, sum: fires ? 0 : sum, xOfSum: fires ? 0 : xOfSum },
      status,
      firings: fires ? [firing] : [],
    };
  },
});
