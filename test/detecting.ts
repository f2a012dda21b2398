/** Detectors in tests: a method's steps, and a question's own thresholds. */
import { parseHubConfig } from '../src/hub/config.ts';
import type { Detect } from '../src/hub/detect/detect.ts';
import { openDetecting, type DetectingOptions } from '../src/hub/detect/main.ts';
import type { Method, Seen, Stepped } from '../src/hub/detect/method.ts';
import type { Ask } from '../src/hub/ask/ask.ts';
import { systemClock, type Clock } from '../src/lib/clock.ts';
import { silentLog, type Log } from '../src/lib/log.ts';
import type { Store } from '../src/hub/store/store.ts';
import type { Row } from '../src/model/block.ts';
import {
  discoverQuestions,
  questionsFolder,
  readQuestion,
  type Question,
} from '../src/question/discovery.ts';
import type { DetectorStatus, Finding } from '../src/question/finding.ts';
import { dayMs, openAsker, type Asker } from './asking.ts';

/** Of a question's detector; of its first where none is named. */
export function thresholdsOf(question: string, method?: string): Record<string, number> {
  const { detectors } = readQuestion(questionsFolder(), question);
  const detector = detectors.find((each) => each.method === (method ?? each.method));
  return Object.fromEntries((detector?.thresholds ?? []).map(({ name, value }) => [name, value]));
}

/** Every connection of a process to one destination is refused. */
export const storm = {
  'process.name': 'checkout',
  direction: 'egress',
  'destination.ip': '10.9.8.7',
  'destination.port': 5432,
  'connection.state': 'refused',
  'connections.opened': 30,
  'connections.ended': 30,
};

export const firstStepMs = Date.UTC(2026, 0, 5);

/** One key's steps, one after the other; undefined where nothing was seen. */
export function runSteps(
  method: Method,
  steps: readonly (Seen | readonly Seen[] | undefined)[],
  {
    thresholds,
    stepMs,
    zone = 'UTC',
    startMs = firstStepMs,
    peers = [],
  }: {
    readonly thresholds: Readonly<Record<string, number>>;
    readonly stepMs: number;
    readonly zone?: string;
    readonly startMs?: number;
    readonly peers?: readonly unknown[];
  },
): Stepped<unknown>[] {
  const given = { stepMs, thresholds, zone, keys: 1, peers: () => peers };
  let state: unknown;
  return steps.flatMap((step, n) => {
    if (step === undefined) return [];
    const seen = Array.isArray(step) ? (step as readonly Seen[]) : [step as Seen];
    const stepped = method.step({ ...given, state, seen, atMs: startMs + n * stepMs });
    ({ state } = JSON.parse(JSON.stringify(stepped)) as Stepped<unknown>);
    return [stepped];
  });
}

interface Others {
  readonly log?: Log;
  readonly clock?: Partial<Clock>;
  readonly idle?: Ask['idle'];
  /** Between the detectors and the store. */
  readonly client?: (client: Store['ask']) => Store['ask'];
  /** Instead of all that there are. */
  readonly questions?: readonly Question[];
}

export interface History extends AsyncDisposable {
  /** Its time stands still; all times are told against it, in milliseconds. */
  readonly nowMs: number;
  /** Another one in the same engine. */
  beside(): Promise<History>;
  at(ms: number): string;
  /** One window of each record, again and again, and the windows that tell that the node was heard. */
  write(
    range: {
      readonly environment: string;
      readonly from: number;
      readonly to: number;
      readonly host?: string;
      /** Only one window in this time. */
      readonly every?: number;
    },
    flows: readonly Readonly<Record<string, unknown>>[],
  ): Promise<void>;
  /** Connections told singly, at times against now. */
  tell(events: readonly (Readonly<Record<string, unknown>> & { readonly at: number })[]): Promise<void>;
  /** As a hub does that comes at that time; what is expected is as a file says it. */
  run(atMs: number, expected?: unknown): Promise<void>;
  /** Runs only when it is told to, unless the configuration says that it is enabled. */
  open(atMs: number, config?: object, others?: Others): Promise<Detect>;
  findings(): Promise<readonly Finding[]>;
  /** Of its first, or of the one that finds that. */
  statusOf(question: string, finds?: string): Promise<DetectorStatus | undefined>;
}

const windowMs = 10_000;
let sequence = 0;

function rowOf(columns: readonly string[], values: Readonly<Record<string, unknown>>, startMs: number): Row {
  const all: Record<string, unknown> = {
    'host.name': 'web-1',
    'agent.instance': 'main',
    'boot.id': 'boot',
    'network.transport': 'tcp',
    'record.sequence': ++sequence,
    'window.start': new Date(startMs).toISOString(),
    'window.end': new Date(startMs + windowMs).toISOString(),
    'window.ms': windowMs,
    ...values,
  };
  const named = new Map(Object.entries(all).map(([name, value]) => [name.replaceAll('.', '_'), value]));
  return columns.map((column) => named.get(column) ?? null);
}

/** A store with windows of some time before now, and detectors that run when they are told to. */
export async function openHistory(first?: Asker): Promise<History> {
  const asker = await (first ? first.beside() : openAsker());
  const { store, nowMs } = asker;
  const { tables } = store;
  const { questions } = discoverQuestions(questionsFolder());
  let expectations: Pick<DetectingOptions, 'expectations'> = {};
  const asking = asker.openAsk(questionsFolder());
  const open: History['open'] = (atMs, config = {}, { log = silentLog, clock = {}, ...others } = {}) =>
    openDetecting({
      ...expectations,
      config: parseHubConfig({ detect: { enabled: false, ...config } }, 'the test').detect,
      questions: others.questions ?? questions,
      store: { ...store, ask: others.client?.(store.ask) ?? store.ask },
      ask: others.idle === undefined ? asking : { ...asking, idle: others.idle },
      keptMs: () => 3 * dayMs,
      // Who waits for other hubs waits for these in the same process.
      clock: {
        ...systemClock,
        wallMs: () => nowMs + atMs,
        sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 300), signal),
        ...clock,
      },
      log,
    });
  return {
    nowMs,
    beside: () => openHistory(asker),
    at: (ms) => new Date(nowMs + ms).toISOString(),
    async write({ environment, from, to, host = 'web-1', every = windowMs }, flows) {
      const starts = Array.from(
        { length: Math.ceil((to - from) / every) },
        (_, n) => nowMs + from + n * every,
      );
      const told = { environment, 'host.name': host };
      await asker.insert({
        flows: starts.flatMap((ms) => flows.map((flow) => rowOf(tables.flows, { ...told, ...flow }, ms))),
        windows: starts.map((ms) => rowOf(tables.windows, told, ms)),
      });
    },
    async tell(events) {
      const rows = events.map(({ at, ...event }) =>
        rowOf(tables.connection_events, { time: new Date(nowMs + at).toISOString(), ...event }, nowMs + at),
      );
      await asker.insert({ connection_events: rows });
    },
    open,
    async run(atMs, expected) {
      expectations = expected === undefined ? {} : { expectations: () => asker.expect(expected) };
      await using detect = await open(atMs + 2 * windowMs);
      await detect.run();
    },
    async findings() {
      await using detect = await open(0);
      return await detect.findings({ sinceMs: 30 * dayMs, limit: 1000 });
    },
    async statusOf(question, finds) {
      await using detect = await open(0);
      return (await detect.status(question)).find((status) => status.finds === (finds ?? status.finds));
    },
    [Symbol.asyncDispose]: () => asker[Symbol.asyncDispose](),
  };
}
