/**
 * Runs all detectors again and again, and says how they stand. Owns nothing but its loop: what detectors know
 * is in the store.
 */

import type { Clock } from '../../lib/clock.ts';
import { isOperatorError, OperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Detector, News } from '../../question/detector.ts';
import { nothingExpected, type InForce } from '../../question/expectation.ts';
import type {
  DetectorState,
  DetectorStatus,
  DetectSummary,
  Finding,
  FindingsAsked,
} from '../../question/finding.ts';
import type { DetectConfig } from './config.ts';
import type { Deliver } from './deliver/delivering.ts';
import type { Method } from './method.ts';
import { isMuted, muteReason } from './mute.ts';
import { runDetector, whoseOf, type Armed, type RunOptions } from './runner.ts';
import { countOpen, readAttempts, readFindings, readHead, type DetectStore, type Head } from './store.ts';
import { newsStatus } from './news.ts';
import { atOnce, type Pace } from './pace.ts';

export const everyMs = 30_000;
/** Who is behind leaves the others their turn after so much work. */
const turnMs = 5000;
const summaryMs = 86_400_000;

/** Of a run's questions: more new findings are told without rows. */
const evidencePerRunMax = 20;
const evidenceRowsMax = 3;

export interface DetectOptions {
  readonly config: DetectConfig;
  readonly detectors: readonly Detector[];
  /** By question: what of it is new needs a history, too. */
  readonly news: ReadonlyMap<string, News>;
  readonly methods: ReadonlyMap<string, Method>;
  /** Of what is told, and how detectors stand. */
  readonly store: DetectStore;
  /** The same for the detectors themselves: nobody waits for these. */
  readonly runs: DetectStore;
  /** When they may begin, those that run by themselves. */
  readonly pace: Pace;
  readonly deliver: Deliver;
  /** The question's answer for a finding. */
  readonly ask: (
    question: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) => Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** How long windows are kept as they came. */
  readonly keptMs: number;
  /** What is expected now; nothing without it. */
  readonly expectations?: () => Promise<InForce>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Detect extends AsyncDisposable {
  /** Of its detectors, and of what it calls new; none for most questions. */
  status(question: string): Promise<readonly DetectorStatus[]>;
  findings(asked: FindingsAsked): Promise<readonly Finding[]>;
  summary(): Promise<DetectSummary>;
  /** Runs each once, up to now, and tells what was found. Rejects when one fails. */
  run(): Promise<void>;
}

/** With its method. A detector that does not fit it is left out, and named. */
export function arm({
  detectors,
  methods,
  config,
  log,
}: Pick<DetectOptions, 'detectors' | 'methods' | 'config' | 'log'>): Armed[] {
  return detectors.flatMap((detector) => {
    const method = methods.get(detector.method);
    const names = detector.thresholds.map(({ name }) => name);
    const missing = method?.thresholds.find((name) => !names.includes(name));
    const strange = method && names.find((name) => !method.thresholds.includes(name));
    const problem =
      method === undefined
        ? `detect.method: ${detector.method} is none of ${[...methods.keys()].join(', ')}`
        : missing !== undefined
          ? `detect.thresholds: ${missing} is missing`
          : strange !== undefined && `detect.thresholds: ${detector.method} has no ${strange}`;
    if (method !== undefined && problem === false) return [{ detector, method, zone: config.zone }];
    const error = new OperatorError('question.invalid', {
      question: detector.question,
      file: 'manifest.yaml',
      problem: String(problem),
    });
    log.warn(error.message);
    return [];
  });
}

/** Armed or not, of the whole; `insufficient` where most of its keys are. */
function stateOf(head: Head, armedMs: number, nowMs: number): Exclude<DetectorState, 'muted'> {
  if (nowMs < armedMs) return 'learning';
  const { insufficient = 0, ...others } = head.keys;
  const rest = Object.values(others).reduce((sum, n) => sum + n, 0);
  return insufficient > rest ? 'insufficient' : 'armed';
}

function reasonOf(error: unknown): string {
  return isOperatorError(error) ? error.message : ((error as Error).stack ?? String(error));
}

function evidenceOfRun({ ask }: DetectOptions, signal: AbortSignal): RunOptions['evidence'] {
  let left = evidencePerRunMax;
  return async ({ question, evidence }) => {
    if (left-- <= 0) return [];
    const rows = await ask(question, { ...evidence.query, limit: String(evidenceRowsMax) }, signal);
    return rows.slice(0, evidenceRowsMax);
  };
}

async function summaryOf(armed: readonly Armed[], options: DetectOptions): Promise<DetectSummary> {
  const { store, clock } = options;
  const detectors: Record<string, unknown[]> = {};
  for (const each of armed) {
    const [status, head] = await Promise.all([statusOf(each, options), readHead(store, whoseOf(each))]);
    const until = head ? new Date(head.untilMs).toISOString() : null;
    const { keysLeftOut = 0, skippedMs = 0 } = head ?? {};
    (detectors[each.detector.question] ??= []).push({ ...status, until, keysLeftOut, skippedMs });
  }
  const deliveries: Record<string, Record<string, number>> = {};
  for (const { target, result } of await readAttempts(store, clock.wallMs() - summaryMs)) {
    if (result === 'claimed') continue;
    const of = (deliveries[target] ??= {});
    of[result] = (of[result] ?? 0) + 1;
  }
  return { detectors, deliveries };
}

function labelsOf({ key: names }: Detector, key: string): Record<string, string> {
  const values = JSON.parse(key) as readonly string[];
  return Object.fromEntries(names.map((name, n) => [name, values[n] ?? '']));
}

async function statusOf(each: Armed, options: DetectOptions): Promise<DetectorStatus> {
  const { config, store, clock } = options;
  const { detector } = each;
  const { question, finds, learns } = detector;
  const [head, findings] = await Promise.all([readHead(store, whoseOf(each)), countOpen(store, detector)]);
  const nowMs = clock.wallMs();
  if (head === undefined) return { finds, state: 'learning', armedAt: null, findings, keys: {}, limits: [] };
  const armedMs = head.sinceMs + learns;
  const state = isMuted(config.mute, question, nowMs) ? 'muted' : stateOf(head, armedMs, nowMs);
  const limits = (head.limits ?? []).map(({ key, why }) => ({ labels: labelsOf(detector, key), why }));
  return { finds, state, armedAt: new Date(armedMs).toISOString(), findings, keys: head.keys, limits };
}

/** Of a question's detectors, and of what it calls new. */
async function statusesOf(
  question: string,
  armed: readonly Armed[],
  options: DetectOptions,
): Promise<readonly DetectorStatus[]> {
  const news = options.news.get(question);
  const own = armed.filter(({ detector }) => detector.question === question);
  const [of, fresh] = await Promise.all([
    Promise.all(own.map((each) => statusOf(each, options))),
    news && newsStatus(options.store, news, options.clock.wallMs()),
  ]);
  return fresh === undefined ? of : [...of, fresh];
}

export function openDetect(options: DetectOptions): Detect {
  const { config, store, clock, log } = options;
  const stop = new AbortController();
  const armed = arm(options);
  const startedMs = clock.wallMs();

  async function runOne(each: Armed, how: Pick<RunOptions, 'pace' | 'turnMs'>): Promise<boolean> {
    const nowMs = clock.wallMs();
    const muted: RunOptions['muted'] = (finding) => muteReason(config.mute, finding, nowMs);
    const { keptMs, expectations } = options;
    const { digest: expected } = (await expectations?.()) ?? nothingExpected;
    const evidence = evidenceOfRun(options, stop.signal);
    const given = { store: options.runs, startedMs, clock, log, keptMs, historyMs: config.history, expected };
    return runDetector({ ...each, ...given, ...how, muted, evidence, signal: stop.signal }, nowMs);
  }

  /** One that cannot run does not keep the others from it. False where it has more to look at. */
  async function tryOne(each: Armed): Promise<boolean> {
    try {
      return await runOne(each, { pace: options.pace, turnMs });
    } catch (error) {
      if (!stop.signal.aborted)
        log.warn(`the detector of ${each.detector.question} did not run: ${reasonOf(error)}`);
      return true;
    }
  }

  async function deliverAll(): Promise<void> {
    try {
      await options.deliver(stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) log.warn(`findings cannot be delivered now: ${reasonOf(error)}`);
    }
  }

  async function loop(): Promise<void> {
    const elapsedMs = (): number => Number(clock.monotonicNs() / 1_000_000n);
    const behind = new Set<Armed>();
    for (let nextMs = -Infinity; !stop.signal.aborted;) {
      // Who is behind goes on before the others' next round.
      const isRound = elapsedMs() >= nextMs;
      for (const each of isRound ? armed : behind) {
        if (await tryOne(each)) behind.delete(each);
        else behind.add(each);
      }
      await deliverAll();
      if (isRound) nextMs = elapsedMs() + everyMs;
      const waitMs = behind.size > 0 ? 0 : Math.max(0, nextMs - elapsedMs());
      await clock.sleep(waitMs, stop.signal).catch(() => undefined); // stopped: the loop ends
    }
  }

  const looping = config.enabled ? loop() : Promise.resolve();
  return {
    status: (question) => statusesOf(question, armed, options),
    summary: () => summaryOf(armed, options),
    async findings(asked) {
      const known = armed.map(({ detector }) => detector.question);
      // A name that nobody has would be a long silence.
      if (asked.question !== undefined && !known.includes(asked.question)) {
        const names = known.join(', ') || 'none has a detector';
        throw new OperatorError('question.unknown', { question: asked.question, known: names });
      }
      return readFindings(store, asked, clock.wallMs());
    },
    async run() {
      for (const each of armed) {
        let isDone = false;
        while (!isDone) isDone = await runOne(each, { pace: atOnce, turnMs: Infinity });
      }
      await options.deliver(stop.signal);
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await looping;
    },
  };
}
