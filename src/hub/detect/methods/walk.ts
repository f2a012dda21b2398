/**
 * Threshold random walk (Jung, Paxson, Berger, Balakrishnan, IEEE S&P 2004): whom somebody meets for the
 * first time answers, or does not. Each that does not multiplies the odds of a scanner by θ, each that
 * answers divides them; at even odds the walk begins anew, at η it is a scan. All of one step count at once.
 * While its source is in a retry storm the walk stands still.
 */

import { count, defineMethod, threshold } from '../method.ts';

interface State {
  readonly atMs: number;
  /** Logarithm of the odds, at least 0. */
  readonly odds: number;
  /** First contacts that failed since they were even. */
  readonly failed: number;
}

const minuteMs = 60_000;

export const method = defineMethod<State>({
  revision: 1,
  thresholds: ['factor', 'false_rate', 'found_rate', 'forget_min'],
  step(step) {
    const { state, seen: all, atMs } = step;
    const [seen = {}] = all;
    const isOver = !state || atMs - state.atMs > threshold(step, 'forget_min') * minuteMs;
    const [failed, reached] = [count(seen, 'failed'), count(seen, 'reached')];
    const before = isOver ? { odds: 0, failed: 0 } : state;
    // Whoever storms what it knows fails at its other destinations for the same reason, and is no scanner.
    const storms = count(seen, 'storms');
    if (storms > 0) {
      const stormed = `${String(storms)} ${storms === 1 ? 'destination' : 'destinations'}`;
      const why = `storms ${stormed}: no scan is told of it`;
      return { state: { ...before, atMs }, status: 'insufficient', why, firings: [] };
    }
    const odds = Math.max(0, before.odds + (failed - reached) * Math.log(threshold(step, 'factor')));
    const allFailed = odds === 0 ? 0 : before.failed + failed;
    const eta = Math.log(threshold(step, 'found_rate') / threshold(step, 'false_rate'));
    const fires = odds >= eta;
    const [destinations, ports] = [count(seen, 'destinations'), count(seen, 'ports')];
    const firing = {
      seen,
      severity: 'critical',
      statistic: odds,
      baseline: null,
      threshold: eta,
      facts: { failed: allFailed, reached, destinations, ports },
    } as const;
    return {
      state: { atMs, odds: fires ? 0 : odds, failed: fires ? 0 : allFailed },
      status: 'armed',
      firings: fires ? [firing] : [],
    };
  },
});
