/** One detector over made-up weeks: false alarms in ordinary ones, and how soon planted faults are found. */
import type { Method, Seen } from '../../src/hub/detect/method.ts';
import { prng, type Prng } from '../../src/lib/prng.ts';
import type { Detector } from '../../src/question/detector.ts';
import { week, type Fault, type World } from './world.ts';

export const weeks = 4;
/** Learning and the first weekly job are not judged. */
export const weeksJudged = weeks - 1;
const startMs = Date.UTC(2026, 0, 5);
const judgedMs = startMs + (weeks - weeksJudged) * week;
const trialsPerKey = 3;
const trialMsMax = 3_600_000;
/** Keys that a budget of false alarms is for, however many are measured. */
const keysOfBudget = 1000;

export interface Tally {
  /** Keys that were measured, from the first one on. */
  keys: number;
  alarms: number;
  insufficient: number;
  /** By fault: milliseconds until it was found, null where it was not in an hour. */
  readonly delaysMs: Record<string, (number | null)[]>;
}

export function noTally(): Tally {
  return { keys: 0, alarms: 0, insufficient: 0, delaysMs: {} };
}

export interface Measured {
  readonly detector: Detector;
  readonly method: Method;
  readonly world: World;
}

interface At {
  readonly atMs: number;
  readonly seen: readonly Seen[];
}

function stepper({ detector, method }: Measured) {
  const thresholds = Object.fromEntries(detector.thresholds.map(({ name, value }) => [name, value]));
  const peers = (): Iterable<unknown> => [];
  const given = { stepMs: detector.step, thresholds, zone: 'UTC', keys: keysOfBudget, peers };
  return (state: unknown, at: At) => method.step({ ...given, ...at, state });
}

type Stepper = ReturnType<typeof stepper>;

/** The fault from that moment on, over the same key's traffic. */
function delayOf(
  step: Stepper,
  fault: Fault,
  from: At & {
    readonly state: unknown;
    readonly ahead: readonly (readonly Seen[])[];
    readonly stepMs: number;
  },
  random: Prng,
): number | null {
  const { ahead, stepMs } = from;
  let { state } = from;
  const own = new Set(ahead.flat());
  for (const [n, ordinary] of ahead.entries()) {
    const seen = fault.change(ordinary, random, n);
    if (seen.length === 0) continue;
    const stepped = step(state, { atMs: from.atMs + n * stepMs, seen });
    // What ordinary traffic has of itself is not the fault.
    if (stepped.firings.some((firing) => !own.has(firing.seen))) return (n + 1) * stepMs;
    ({ state } = stepped);
  }
  return null;
}

/** Of several findings of one key each is one, and one again when it was quiet between. */
function newAlarms({ detector }: Measured, labelled: Map<string, number>) {
  return (firings: readonly { readonly seen: Seen }[], atMs: number): number => {
    let fresh = 0;
    for (const { seen } of firings) {
      const label = JSON.stringify(detector.within.map((name) => seen[name]));
      if (atMs - (labelled.get(label) ?? -Infinity) > detector.quiet) fresh++;
      labelled.set(label, atMs);
    }
    return fresh;
  };
}

function measureKey(measured: Measured, random: Prng, tally: Tally): void {
  const { detector, world } = measured;
  const step = stepper(measured);
  const stepMs = detector.step;
  const steps = (weeks * week) / stepMs;
  const aheadSteps = trialMsMax / stepMs;
  const judgedFrom = (judgedMs - startMs) / stepMs;
  const trials = new Set(
    Array.from({ length: trialsPerKey }, () => judgedFrom + random.below(steps - judgedFrom - aheadSteps)),
  );
  const ordinary = world.key(random, stepMs);
  const aside = prng(random.uint32());
  const count = newAlarms(measured, new Map());
  const queue: (readonly Seen[])[] = [];
  let state: unknown;
  let status = 'learning';
  for (let n = -aheadSteps; n < steps; n++) {
    queue.push(ordinary(startMs + (n + aheadSteps) * stepMs));
    if (n < 0) continue;
    const atMs = startMs + n * stepMs;
    if (trials.has(n)) {
      for (const fault of world.faults) {
        const from = { state, atMs, seen: [], ahead: queue.slice(0, aheadSteps), stepMs };
        (tally.delaysMs[fault.name] ??= []).push(delayOf(step, fault, from, aside));
      }
    }
    const seen = queue.shift() ?? [];
    if (seen.length === 0) continue;
    const stepped = step(state, { atMs, seen });
    ({ state, status } = stepped);
    const fresh = count(stepped.firings, atMs);
    if (atMs >= judgedMs) tally.alarms += fresh;
  }
  if (status === 'insufficient') tally.insufficient += 1;
}

/** Adds the next keys; each has a seed of its own. */
export function measure(measured: Measured, tally: Tally, keys: number): void {
  for (const last = tally.keys + keys; tally.keys < last; tally.keys++) {
    measureKey(measured, prng(1000 + tally.keys), tally);
  }
}

/** Not more, with a chance of 95 %, where so many were seen (Poisson): 3.0 of none. */
export function upperLimit(seen: number): number {
  const chance = (mean: number): number => {
    let [term, sum] = [Math.exp(-mean), 0];
    for (let n = 0; n <= seen; n++, term *= mean / n) sum += term;
    return sum;
  };
  let [low, high] = [seen, seen + 4 * Math.sqrt(seen) + 10];
  for (let n = 0; n < 60; n++) {
    const middle = (low + high) / 2;
    [low, high] = chance(middle) > 0.05 ? [middle, high] : [low, middle];
  }
  return high;
}
