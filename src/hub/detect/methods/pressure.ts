/**
 * Client-side throttling (Beyer and others, Site Reliability Engineering, chapter 21): the share of attempts
 * that a client would keep to itself if it made at most K times as many as come about,
 * p = max(0, (A - K S) / (A + 1)), over attempts A and established S that fade with time. A storm is a high p
 * with many attempts, more than this key usually makes in vain, on two steps one after the other.
 *
 * Sees only steps in which something failed.
 */

import type { Severity } from '../../../question/finding.ts';
import { pacingOf } from '../pacing.ts';
import { count, decay, defineMethod, median, threshold, type Seen, type Step } from '../method.ts';

const hourMs = 3_600_000;
/** Hours in which something failed, whose highest A - S make what is usual. */
const hoursMax = 24;
const hoursMin = 3;

interface State {
  readonly atMs: number;
  readonly a: number;
  readonly s: number;
  /** Steps that were over both thresholds, one after the other, up to now. */
  readonly over: number;
  readonly hour: number;
  readonly peak: number;
  /** Of the hours before that had any. */
  readonly peaks: readonly number[];
}

/** Moves the hour's highest to those before, when its hour is over. */
function hours(state: State | undefined, hour: number): Pick<State, 'hour' | 'peak' | 'peaks'> {
  if (state === undefined) return { hour, peak: 0, peaks: [] };
  if (state.hour === hour) return state;
  return { hour, peak: 0, peaks: [...state.peaks, Math.round(state.peak)].slice(-hoursMax) };
}

function severityOf(step: Step<State>, nodes: number, workloads: number): Severity {
  const isTogether =
    nodes >= threshold(step, 'together_nodes') || workloads >= threshold(step, 'together_workloads');
  return isTogether ? 'critical' : 'warning';
}

function pacing(seen: Seen, failed: number): string {
  const [told, gaps] = [count(seen, 'told'), count(seen, 'gaps')];
  return pacingOf({
    failed,
    told,
    gaps,
    variation: count(seen, 'gap_variation'),
    ratio: count(seen, 'gap_ratio'),
  });
}

export const method = defineMethod<State>({
  revision: 1,
  thresholds: [
    ...['half_life_s', 'k', 'pressure', 'attempts', 'times_usual'],
    ...['together_nodes', 'together_workloads'],
  ],
  step(step) {
    const { state, seen: all, atMs, stepMs } = step;
    const [seen = {}] = all;
    const kept = state ? decay(atMs - state.atMs, 1000 * threshold(step, 'half_life_s')) : 0;
    const [attempts, established] = [count(seen, 'attempts'), count(seen, 'established')];
    const a = (state?.a ?? 0) * kept + attempts;
    const s = (state?.s ?? 0) * kept + established;
    const pressure = Math.max(0, (a - threshold(step, 'k') * s) / (a + 1));
    const { hour, peak, peaks } = hours(state, Math.floor(atMs / hourMs));
    const usual = peaks.length < hoursMin ? 0 : median(peaks);
    const isMuch = a >= threshold(step, 'attempts') && a - s >= threshold(step, 'times_usual') * usual;
    const isOver = pressure >= threshold(step, 'pressure') && isMuch;
    const isNext = state?.atMs === atMs - stepMs;
    const over = isOver ? (isNext ? state.over : 0) + 1 : 0;
    const facts = { attempts, established, failed: attempts - established };
    const [nodes, workloads] = [count(seen, 'nodes'), count(seen, 'workloads')];
    return {
      state: { atMs, a, s, over, hour, peak: Math.max(peak, a - s), peaks },
      status: 'armed',
      firings:
        over < 2
          ? []
          : [
              {
                seen,
                severity: severityOf(step, nodes, workloads),
                statistic: pressure,
                baseline: usual,
                threshold: threshold(step, 'pressure'),
                facts: { ...facts, nodes, workloads, pacing: pacing(seen, facts.failed) },
              },
            ],
    };
  },
});
