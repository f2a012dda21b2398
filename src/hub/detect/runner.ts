/**
 * Runs one detector from where the store says that it stands to what the nodes have told. Keeps nothing
 * between runs: several hubs that run the same detector write the same rows.
 */

import { isOperatorError } from '../../lib/errors.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Detector } from '../../question/detector.ts';
import type { Finding } from '../../question/finding.ts';
import { fold, type KeyState, type KeyStep } from './fold.ts';
import type { Method, Seen } from './method.ts';
import type { Pace } from './pace.ts';
import {
  firstWindowMs,
  reachedMs,
  readHead,
  readStates,
  writeRun,
  type DetectStore,
  type Head,
  type Whose,
} from './store.ts';

export const runLimits = {
  /** From a window's end until it is looked at. */
  lagMs: 10_000,
  /** So long nodes that are behind are waited for. */
  lateMsMax: 120_000,
  /** What the first query of a run is about, and every other one at least; less where it gives too much. */
  spanMsMin: 600_000,
  spanStepsMin: 10,
  /** And at most: a span grows while queries are short, and shrinks when they are long. */
  spanMsMax: 3_600_000,
  spanStepsMax: 100,
  shortMs: 500,
  longMs: 2000,
  /** What is older after a downtime is passed over. */
  catchUpMsMax: 86_400_000,
  /** Without anything new, how far has been looked is noted so often. */
  idleMsMax: 300_000,
  keysMax: 50_000,
  /** Keys that are named where something cannot be told of them. */
  limitsMax: 5,
} as const;

export interface Armed {
  readonly detector: Detector;
  readonly method: Method;
  readonly zone: string;
}

export interface RunOptions extends Armed {
  readonly store: DetectStore;
  /** Why nobody wants to hear of it; empty where somebody does. */
  readonly muted: (finding: Finding) => string;
  /** Rows of the question's answer for a new finding. */
  readonly evidence: (finding: Finding) => Promise<Finding['evidence']['rows']>;
  /** So far it looks back when it first runs, if that is more than its own. */
  readonly historyMs: number;
  /** Since when this hub hears nodes. */
  readonly startedMs: number;
  /** How long the windows that detect.sql reads are kept. */
  readonly keptMs: number;
  /** Digest of what is expected. */
  readonly expected: string;
  readonly pace: Pace;
  /** Then others have their turn. */
  readonly turnMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Log;
}

export function whoseOf({ detector, method, zone }: Armed): Whose {
  const shape = [detector.method, method.revision, detector.step, ...(method.isZoned ? [zone] : [])];
  return { question: detector.question, revision: shape.join(' ') };
}

function floorTo(ms: number, stepMs: number): number {
  return Math.floor(ms / stepMs) * stepMs;
}

/** Where it begins, when it never ran: undefined while nothing was heard. */
async function begin(
  { detector, store, historyMs, keptMs }: RunOptions,
  nowMs: number,
): Promise<Head | undefined> {
  const first = await firstWindowMs(store, nowMs - keptMs);
  if (first === undefined) return undefined;
  const sinceMs = floorTo(first, detector.step);
  const untilMs = floorTo(Math.max(first, nowMs - Math.max(detector.history, historyMs)), detector.step);
  // As far as it comes at least with nodes that are behind.
  const begunMs = floorTo(nowMs - runLimits.lagMs - runLimits.lateMsMax, detector.step);
  return { untilMs, sinceMs, begunMs, skippedMs: 0, keys: {}, limits: [], keysLeftOut: 0, open: 0 };
}

/** Up to when it may look: what came late would never be looked at again. */
async function endMs(
  { detector, store, startedMs }: RunOptions,
  fromMs: number,
  nowMs: number,
): Promise<number> {
  const { lagMs, lateMsMax } = runLimits;
  const lastMs = nowMs - lagMs;
  const reached = (await reachedMs(store, { fromMs, toMs: nowMs })) ?? lastMs;
  const patienceMs = nowMs - startedMs < lateMsMax ? reached : Math.max(reached, nowMs - lateMsMax);
  return floorTo(Math.min(lastMs, patienceMs), detector.step);
}

/** By step and key, in the order of both. */
export function stepsOf(detector: Detector, rows: readonly Seen[]): KeyStep[] {
  const steps = new Map<string, { key: string; atMs: number; seen: Seen[] }>();
  for (const row of rows) {
    const key = JSON.stringify(detector.key.map((name) => row[name] ?? ''));
    const atMs = Number(row['step']) * detector.step;
    const at = `${String(atMs)} ${key}`;
    const step = steps.get(at) ?? { key, atMs, seen: [] };
    step.seen.push(row);
    steps.set(at, step);
  }
  return [...steps.values()].sort((a, b) => a.atMs - b.atMs);
}

/** Labels are text; all else that detect.sql gives is numbers. */
function seenOf(detector: Detector, row: Readonly<Record<string, unknown>>): Seen {
  const labels = new Set([...detector.key, ...detector.within]);
  const cells = Object.entries(row).map(([name, value]) => {
    const isText = labels.has(name) || (typeof value === 'string' && !/^-?\d+(\.\d+)?$/.test(value));
    return [name, isText ? String(value) : Number(value ?? 0)];
  });
  return Object.fromEntries(cells) as Seen;
}

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The rows of as many steps as one query can give; undefined where one step is too much. */
async function look(
  { detector, store, expected, log }: RunOptions,
  { fromMs, toMs }: Range,
): Promise<{ readonly rows: readonly Seen[] | undefined; readonly toMs: number }> {
  const steps = Math.round((toMs - fromMs) / detector.step);
  try {
    const range = { from: new Date(fromMs), to: new Date(toMs) };
    const params = { ...range, step_ms: detector.step, expectations: expected };
    const rows = await store.query({ name: detector.question, sql: detector.statement, params });
    return { rows: rows.map((row) => seenOf(detector, row)), toMs };
  } catch (error) {
    if (!isOperatorError(error) || error.code !== 'question.too_large') throw error;
    if (steps > 1) {
      const half = fromMs + Math.ceil(steps / 2) * detector.step;
      return look({ detector, store, expected, log } as RunOptions, { fromMs, toMs: half });
    }
    log.warn(
      `the detector of ${detector.question} passes over ${new Date(fromMs).toISOString()}: ${error.message}`,
    );
    return { rows: undefined, toMs };
  }
}

function countKeys(states: ReadonlyMap<string, KeyState>): Pick<Required<Head>, 'keys' | 'limits' | 'open'> {
  const keys: Record<string, number> = {};
  const limits: { key: string; why: string }[] = [];
  let open = 0;
  for (const [key, state] of states) {
    keys[state.status] = (keys[state.status] ?? 0) + 1;
    open += state.open.length;
    if (state.why !== undefined) limits.push({ key, why: state.why });
  }
  // Whoever cut time otherwise names the same ones.
  limits.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { keys, limits: limits.slice(0, runLimits.limitsMax), open };
}

/** Evidence is looked for once, when a finding begins; it stays with it in the key's state. */
async function complete(
  { muted, evidence, log }: RunOptions,
  findings: readonly Finding[],
): Promise<ReadonlyMap<string, Finding>> {
  const told = new Map<string, Finding>();
  for (const finding of findings) {
    const { query, rows: had } = finding.evidence;
    const rows =
      had.length > 0
        ? had
        : await evidence(finding).catch((error: unknown) => {
            log.warn(`no evidence for ${finding.title}: ${(error as Error).message}`);
            return [];
          });
    told.set(finding.id, { ...finding, evidence: { query, rows }, muted: muted(finding) });
  }
  return told;
}

function withTold(state: KeyState, told: ReadonlyMap<string, Finding>): KeyState {
  return state.open.some(({ id }) => told.has(id))
    ? { ...state, open: state.open.map((finding) => told.get(finding.id) ?? finding) }
    : state;
}

interface Stand {
  readonly head: Head;
  /** Undefined while they are as the store has them. */
  readonly states: ReadonlyMap<string, KeyState> | undefined;
}

/** Undefined where another hub has come further meanwhile: what it knows is of later steps. */
async function runChunk(
  options: RunOptions,
  { head, states: had }: Stand,
  range: Range,
): Promise<Stand | undefined> {
  const { detector, method, zone, store } = options;
  const whose = whoseOf(options);
  const { rows, toMs } = await look(options, range);
  const skippedMs = head.skippedMs + (rows === undefined ? toMs - range.fromMs : 0);
  const isQuiet = (rows ?? []).length === 0 && head.open === 0;
  if (isQuiet) {
    const next = { ...head, untilMs: toMs, skippedMs };
    if (toMs - head.untilMs >= runLimits.idleMsMax)
      await writeRun(store, whose, { head: next, changed: new Map(), findings: [] });
    return { head: next, states: had };
  }
  const read = had ? undefined : await readStates(store, whose, runLimits.keysMax);
  if (read && read.untilMs > head.untilMs) return undefined;
  const states = had ?? read?.states ?? new Map<string, KeyState>();
  const all = stepsOf(detector, rows ?? []);
  const known = new Set(states.keys());
  const steps = all.filter(({ key }) => known.has(key) || (known.size < runLimits.keysMax && known.add(key)));
  const armedMs = head.sinceMs + detector.learns;
  const { changed, findings } = fold({ detector, method, zone, states, steps, toMs, armedMs });
  const told = await complete(options, findings);
  const noted = new Map([...changed].map(([key, state]) => [key, withTold(state, told)]));
  const after = new Map([...states, ...noted]);
  const next: Head = {
    ...head,
    untilMs: toMs,
    skippedMs,
    keysLeftOut: new Set(all.map(({ key }) => key)).size - new Set(steps.map(({ key }) => key)).size,
    ...countKeys(after),
  };
  await writeRun(store, whose, { head: next, changed: noted, findings: [...told.values()] });
  return { head: next, states: after };
}

/** Where it goes on, when it ran before. What is older than a day is passed over, but not what it began with. */
function goingOn({ detector, keptMs, log }: RunOptions, stood: Head, nowMs: number): Head {
  const isOfBefore = stood.untilMs < (stood.begunMs ?? 0);
  const lookedAtMs = isOfBefore ? keptMs : Math.min(runLimits.catchUpMsMax, keptMs);
  const oldestMs = floorTo(nowMs - lookedAtMs, detector.step);
  if (stood.untilMs >= oldestMs) return stood;
  const passed = `from ${new Date(stood.untilMs).toISOString()} to ${new Date(oldestMs).toISOString()}`;
  log.warn(`the detector of ${detector.question} did not run for long, and passes over ${passed}`);
  return { ...stood, untilMs: oldestMs, skippedMs: stood.skippedMs + oldestMs - stood.untilMs };
}

/** What the next query is about: twice as much after a short one, half as much after a long one. */
function nextSpanMs({ step }: Detector, spanMs = 0, tookMs = 0): number {
  const { spanMsMin, spanStepsMin, spanMsMax, spanStepsMax, shortMs, longMs } = runLimits;
  const wantedMs = tookMs < shortMs ? 2 * spanMs : tookMs > longMs ? spanMs / 2 : spanMs;
  const mostMs = Math.min(wantedMs, Math.max(spanMsMax, spanStepsMax * step));
  return floorTo(Math.max(mostMs, spanMsMin, spanStepsMin * step), step);
}

/** Resolves when its turn is over, or it has looked at all that there is by that time; false where more is left. */
export async function runDetector(options: RunOptions, nowMs: number): Promise<boolean> {
  const { detector, store, pace, clock, signal } = options;
  const stood = await readHead(store, whoseOf(options));
  const begun = stood ?? (await begin(options, nowMs));
  if (begun === undefined) return true;
  // From now on answers say when it will be armed.
  if (!stood) await writeRun(store, whoseOf(options), { head: begun, changed: new Map(), findings: [] });
  let stand: Stand = { head: stood ? goingOn(options, stood, nowMs) : begun, states: undefined };
  const toMs = await endMs(options, stand.head.untilMs, nowMs);
  let spanMs = nextSpanMs(detector);
  let turnMs = 0;
  while (stand.head.untilMs < toMs && turnMs < options.turnMs) {
    await pace.begin(signal);
    const startNs = clock.monotonicNs();
    const fromMs = stand.head.untilMs;
    const next = await runChunk(options, stand, { fromMs, toMs: Math.min(toMs, fromMs + spanMs) });
    const tookMs = Number(clock.monotonicNs() - startNs) / 1e6;
    if (next === undefined || next.head.untilMs < toMs) await pace.rest(tookMs, signal);
    if (next === undefined) return false;
    stand = next;
    spanMs = nextSpanMs(detector, spanMs, tookMs);
    turnMs += tookMs;
  }
  return stand.head.untilMs >= toMs;
}
