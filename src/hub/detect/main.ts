/** Joins detectors with the store and the questions that they ask for evidence. */

import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { InForce } from '../../question/expectation.ts';
import type { Question } from '../../question/discovery.ts';
import type { Ask } from '../ask/ask.ts';
import { openGate } from '../ask/gate.ts';
import { openAskStore } from '../ask/query.ts';
import type { Store } from '../store/store.ts';
import type { DetectConfig } from './config.ts';
import { openDetect, type Detect } from './detect.ts';
import { openDelivering } from './deliver/delivering.ts';
import { loadMethods } from './method.ts';
import { openPace } from './pace.ts';
import type { DetectStore } from './store.ts';

export interface DetectingOptions {
  readonly config: DetectConfig;
  readonly questions: readonly Question[];
  readonly store: Store;
  readonly ask: Ask;
  /** How long windows are kept as they came, as things are. */
  readonly keptMs: () => number;
  readonly expectations?: () => Promise<InForce>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Of detectors: one query at a time, in one thread, held up while somebody is answered, so it has time. */
const runs = {
  limits: { runningMax: 1, waitingMax: 32 },
  settings: { priority: '2', max_threads: 1, max_execution_time: 100 },
} as const;
/** How they stand is asked for with every answer, and small. */
const asks = { limits: { runningMax: 4, waitingMax: 256 }, settings: { priority: '1' } } as const;

export async function openDetecting(options: DetectingOptions): Promise<Detect> {
  const { config, questions, store, ask, keptMs, expectations, clock, log } = options;
  const stop = new AbortController();
  const storeOf = ({ limits, settings }: typeof runs | typeof asks): DetectStore => {
    const of = {
      client: store.ask,
      cancel: (id: string) => store.cancel(id),
      gate: openGate(limits),
      settings,
    };
    const query = openAskStore(of);
    return {
      query: ({ name, sql, params }) => query({ question: name, sql, params, signal: stop.signal }),
      note: (table, rows) => store.note(table, rows),
    };
  };
  const detectStore = storeOf(asks);
  const detect = openDetect({
    config,
    detectors: questions.flatMap(({ detectors }) => detectors),
    news: new Map(questions.flatMap(({ id, news }) => (news === undefined ? [] : [[id, news] as const]))),
    methods: await loadMethods(),
    store: detectStore,
    runs: storeOf(runs),
    pace: openPace({ idle: (signal) => ask.idle(signal), clock }),
    deliver: await openDelivering({
      targets: config.deliver,
      perDay: config.findings_per_day,
      store: detectStore,
      hub: randomUUID(),
      clock,
      log,
    }),
    ask: async (question, of, signal) => (await ask.answer(question, { query: of, signal })).rows,
    get keptMs() {
      return keptMs();
    },
    ...(expectations ? { expectations } : {}),
    clock,
    log,
  });
  return {
    ...detect,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await detect[Symbol.asyncDispose]();
    },
  };
}

/** Answers say how the question's detectors stand, and what it calls new. */
export function withDetectors(ask: Ask, detect: Pick<Detect, 'status'>): Ask {
  return {
    ...ask,
    async answer(id, asking) {
      // An answer does not fail for want of this.
      const standing = detect.status(id).catch((error: unknown) => {
        if (isOperatorError(error)) return error;
        throw error;
      });
      const [answer, detectors] = await Promise.all([ask.answer(id, asking), standing]);
      if (!isOperatorError(detectors)) return detectors.length === 0 ? answer : { ...answer, detectors };
      const note = `how its detectors stand cannot be told now: ${detectors.message}`;
      return { ...answer, coverage: { ...answer.coverage, notes: [...answer.coverage.notes, note] } };
    },
  };
}
