/**
 * Counts against the same hour of other weeks, on the scale on which those of any size scatter alike:
 * y = 2 √(x + 3/8) (Anscombe 1948), compared by median and median deviation (Hampel 1974). What scatters
 * least is 1, what a Poisson process has on that scale. Large counts scatter by a share of themselves: so the
 * logarithm is compared, too, with how far it usually is off, and the smaller of both deviations counts. An
 * alarm is far off in the same direction in two steps, one after the other.
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
  /** How far steps were from what was usual, as a mean of logarithms that fades; of how many. */
  readonly spread: number;
  readonly compared: number;
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
  return {
    ...state,
    hour,
    ys: [],
    weeks: { ...state.weeks, [slot]: [...(state.weeks[slot] ?? []), middle].slice(-weeksMax) },
    trailing: [...state.trailing, middle].slice(-trailingMax),
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

/** Of a normal distribution: its deviation in mean distances. */
const meanToDeviation = Math.sqrt(Math.PI / 2);
const comparedMin = 12;

/** Of two deviations the smaller. */
function nearer(a: number, b: number): number {
  return Math.abs(a) < Math.abs(b) ? a : b;
}

function compare(y: number, others: readonly number[], spread: number) {
  const usual = median(others);
  const between = median(others.map((v) => Math.abs(v - usual)));
  const apart = usual === 0 ? 0 : Math.log(y / usual);
  const z = nearer((y - usual) / Math.max(1.4826 * between, 1), apart / (meanToDeviation * spread));
  return { usual, apart, z };
}

/** How far it was this time is learned, what was far off only in part. */
function scattered(
  { spread, compared }: State,
  apart: number | undefined,
  stepMs: number,
): Pick<State, 'spread' | 'compared'> {
  if (apart === undefined) return { spread, compared };
  const far = compared < comparedMin ? Math.abs(apart) : Math.min(Math.abs(apart), 3 * spread + 0.01);
  const weight = Math.max(1 / (compared + 1), 1 - decay(stepMs, spreadHalfLifeMs));
  return { spread: spread + weight * (far - spread), compared: compared + 1 };
}

export const method = defineMethod<State>({
  revision: 1,
  thresholds: ['deviation', 'values', 'closes'],
  step(step) {
    const { seen: all, atMs, stepMs } = step;
    const x = count(all[0] ?? {}, 'closes');
    const hour = Math.floor(atMs / hourMs);
    const fresh: State = { atMs, hour, ys: [], weeks: {}, trailing: [], spread: 0, compared: 0, off: 0 };
    const state = settle(step.state ?? fresh, hour);
    const y = 2 * Math.sqrt(x + 3 / 8);
    const others = comparable(state, hour, threshold(step, 'values'));
    const { usual, apart, z } = compare(y, others ?? [], state.spread);
    const usualCloses = Math.max(0, (usual / 2) ** 2 - 3 / 8);
    const isKnown = others !== undefined && state.compared >= comparedMin;
    const isFar = isKnown && Math.abs(z) >= threshold(step, 'deviation');
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
      state: {
        ...state,
        ...scattered(state, others === undefined ? undefined : apart, stepMs),
        atMs,
        ys: [...state.ys, tenths(y)],
        off,
      },
      status: isKnown ? 'armed' : 'learning',
      firings: Math.abs(off) >= 2 ? [firing] : [],
    };
  },
});
