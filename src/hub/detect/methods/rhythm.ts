/**
 * Counts against the same hour of other weeks, on the scale on which those of any size scatter alike:
 * y = 2 √(x + 3/8) (Anscombe 1948), compared by median and median deviation (Hampel 1974). What scatters
 * least is 1, what a Poisson process has on that scale. Large counts scatter by a share of themselves: so the
 * logarithm is compared, too, with how far it usually is off, and the smaller of both deviations counts. An
 * alarm is far off in the same direction in two steps, one after the other.
 *
 * Hours are those of clocks in a time zone: what comes at nine comes at nine in summer, too. The hour that
 * clocks have twice in autumn is one. While the workload is being deployed nothing is told.
 */

import { zoneOffsetMs } from '../../../lib/zone.ts';
import { count, decay, defineMethod, median, threshold, type Step, type Stepped } from '../method.ts';
import { deploying, type Deploying } from '../deployment.ts';

const hourMs = 3_600_000;
const hoursOfWeek = 168;
/** A Monday. */
const mondayMs = Date.UTC(2026, 0, 5);

interface State extends Deploying {
  readonly atMs: number;
  /** By the zone's clocks, since the beginning of Unix time. */
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

/** Ten times as many as usual would not be five deviations then. */
const factorMax = 10;

interface Compared {
  readonly state: State;
  readonly isKnown: boolean;
  readonly isDeployed: boolean;
  readonly usualCloses: number;
}

/** What a change must be times what is usual, by how much counts scatter; their roots are what is kept. */
function whyNot(step: Step<State>, { state: { spread }, usualCloses }: Compared): string | undefined {
  const factor = Math.exp(2 * threshold(step, 'deviation') * meanToDeviation * spread);
  if (usualCloses < threshold(step, 'closes') || factor < factorMax) return undefined;
  return `scatters: less than ${factor.toFixed(0)} times as many would not show`;
}

function standing(step: Step<State>, compared: Compared): Pick<Stepped<State>, 'status' | 'why'> {
  if (!compared.isKnown) return { status: 'learning' };
  if (compared.isDeployed) return { status: 'insufficient', why: 'is being deployed' };
  return { status: 'armed', why: whyNot(step, compared) };
}

/** Steps that were far off, one after the other, with this one. */
function offOf(step: Step<State>, { x, z, compared }: { x: number; z: number; compared: Compared }): number {
  const { state, isKnown, isDeployed, usualCloses } = compared;
  const isFar = isKnown && !isDeployed && Math.abs(z) >= threshold(step, 'deviation');
  const isLarge = Math.max(x, usualCloses) >= threshold(step, 'closes');
  const isNext = state.atMs === step.atMs - step.stepMs && Math.sign(state.off) === Math.sign(z);
  return isFar && isLarge ? (isNext ? state.off : 0) + Math.sign(z) : 0;
}

export const method = defineMethod<State>({
  revision: 1,
  thresholds: ['deviation', 'values', 'closes', 'deploy_min'],
  isZoned: true,
  step(step) {
    const { seen: all, atMs, stepMs } = step;
    const [seen = {}] = all;
    const x = count(seen, 'closes');
    const hour = Math.floor((atMs + zoneOffsetMs(step.zone, atMs)) / hourMs);
    const fresh: State = { atMs, hour, ys: [], weeks: {}, trailing: [], spread: 0, compared: 0, off: 0 };
    const { isKnown: hasImages, ...deployed } = deploying(step.state, seen, atMs);
    const state = settle(step.state ?? fresh, hour);
    const y = 2 * Math.sqrt(x + 3 / 8);
    const others = comparable(state, hour, threshold(step, 'values'));
    const { usual, apart, z } = compare(y, others ?? [], state.spread);
    const compared: Compared = {
      state,
      isKnown: others !== undefined && state.compared >= comparedMin,
      isDeployed: atMs - deployed.deployedMs < threshold(step, 'deploy_min') * 60_000,
      usualCloses: Math.max(0, (usual / 2) ** 2 - 3 / 8),
    };
    const off = offOf(step, { x, z, compared });
    const change = z > 0 ? 'climbs' : 'drops';
    const firing = {
      seen,
      severity: 'warning',
      statistic: Math.abs(z),
      baseline: compared.usualCloses,
      threshold: threshold(step, 'deviation'),
      facts: { closes: x, change, deployed: hasImages ? 'no' : 'not known' },
    } as const;
    const learned = scattered(state, others === undefined ? undefined : apart, stepMs);
    return {
      state: { ...state, ...learned, ...deployed, atMs, ys: [...state.ys, tenths(y)], off },
      ...standing(step, compared),
      firings: Math.abs(off) >= 2 ? [firing] : [],
    };
  },
});
