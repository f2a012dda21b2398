/**
 * Counts against the same hour of other weeks, on the scale on which those of any size scatter alike:
 * y = 2 √(x + 3/8) (Anscombe 1948), compared by median and median deviation (Hampel 1974). What scatters
 * least is 1, what a Poisson process has on that scale; what scatters within its hours is not called unusual
 * for that. An alarm is far off in the same direction in two steps, one after the other.
 */

import { count, decay, defineMethod, median, threshold } from '../method.ts';

const hourMs = 3_600_000;
const hoursOfWeek = 168;
/** A Monday. */
const mondayMs = Date.UTC(2026, 0, 5);

interface State {
  readonly atMs: number;
  readonly hour: number;
  /** The y of the hour that is under way. */
  readonly ys: readonly number[];
  /** Medians of hours before, by hour of the week; newest last. */
  readonly weeks: Readonly<Record<number, readonly number[]>>;
  /** Of the last hours that had any. */
  readonly trailing: readonly number[];
  /** How far steps were from the median of their hour, faded. */
  readonly spread: number;
  /** Steps that were far off, one after the other; below 0 where it was less than usual. */
  readonly off: number;
}

const weeksMax = 8;
const trailingMax = 24;
const spreadHalfLifeMs = 48 * hourMs;

function hourOfWeek(hour: number): number {
  return (((hour - mondayMs / hourMs) % hoursOfWeek) + hoursOfWeek) % hoursOfWeek;
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Puts the hour that is over to those before. */
function settle(state: State, hour: number): State {
  if (state.hour === hour || state.ys.length === 0) return { ...state, hour };
  const middle = tenths(median(state.ys));
  const slot = hourOfWeek(state.hour);
  const spread = median(state.ys.map((y) => Math.abs(y - middle)));
  const kept = state.spread === 0 ? 0 : decay((hour - state.hour) * hourMs, spreadHalfLifeMs);
  return {
    ...state,
    hour,
    ys: [],
    weeks: { ...state.weeks, [slot]: [...(state.weeks[slot] ?? []), middle].slice(-weeksMax) },
    trailing: [...state.trailing, middle].slice(-trailingMax),
    spread: state.spread * kept + spread * (1 - kept),
  };
}

/** What compares: the same hour of other weeks, else of other days of the kind, else the hours before. */
function comparable({ weeks, trailing }: State, hour: number, min: number): readonly number[] | undefined {
  const slot = hourOfWeek(hour);
  const week = weeks[slot] ?? [];
  if (week.length >= min) return week;
  const isWeekend = (of: number): boolean => of >= 5 * 24;
  const days = [0, 1, 2, 3, 4, 5, 6].map((day) => day * 24 + (slot % 24));
  const same = days.filter((of) => isWeekend(of) === isWeekend(slot)).flatMap((of) => weeks[of] ?? []);
  if (same.length >= min) return same.slice(-weeksMax);
  return trailing.length >= trailingMax ? trailing : undefined;
}

export const method = defineMethod<State>({
  revision: 1,
  thresholds: ['deviation', 'values', 'closes'],
  step(step) {
    const { seen: all, atMs, stepMs } = step;
    const x = count(all[0] ?? {}, 'closes');
    const hour = Math.floor(atMs / hourMs);
    const fresh: State = { atMs, hour, ys: [], weeks: {}, trailing: [], spread: 0, off: 0 };
    const state = settle(step.state ?? fresh, hour);
    const y = 2 * Math.sqrt(x + 3 / 8);
    const others = comparable(state, hour, threshold(step, 'values'));
    const usual = median(others ?? []);
    const scatter = 1.4826 * Math.max(median((others ?? []).map((v) => Math.abs(v - usual))), state.spread);
    const z = (y - usual) / Math.max(scatter, 1);
    const usualCloses = Math.max(0, (usual / 2) ** 2 - 3 / 8);
    const isFar = others !== undefined && Math.abs(z) >= threshold(step, 'deviation');
    const isLarge = Math.max(x, usualCloses) >= threshold(step, 'closes');
    const isNext = state.atMs === atMs - stepMs && Math.sign(state.off) === Math.sign(z);
    const off = isFar && isLarge ? (isNext ? state.off : 0) + Math.sign(z) : 0;
    const firing = {
      seen: all[0] ?? {},
      severity: 'warning',
      statistic: Math.abs(z),
      baseline: usualCloses,
      threshold: threshold(step, 'deviation'),
      facts: { closes: x, change: z > 0 ? 'climbs' : 'drops' },
    } as const;
    return {
      state: { ...state, atMs, ys: [...state.ys, tenths(y)], off },
      status: others === undefined ? 'learning' : 'armed',
      firings: Math.abs(off) >= 2 ? [firing] : [],
    };
  },
});
