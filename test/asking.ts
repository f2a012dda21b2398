/** A real engine and store for tests, with the hub's ask stage on top. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAsk, type Ask } from '../src/hub/ask/ask.ts';
import type { AskOptions } from '../src/hub/ask/options.ts';
import type { Retention } from '../src/hub/ask/range.ts';
import { openEngine, type Engine } from '../src/hub/engine/engine.ts';
import { parseExpectations } from '../src/hub/expect/file.ts';
import { rowsOf } from '../src/hub/expect/rows.ts';
import { openStore, type Store, type StoreOptions } from '../src/hub/store/store.ts';
import { systemClock, type Clock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import type { StoreBlock } from '../src/model/block.ts';
import type { InForce } from '../src/question/expectation.ts';
import { discoverQuestions } from '../src/question/discovery.ts';

export const dayMs = 86_400_000;

export interface Asker {
  readonly store: Store;
  /** Where it is. */
  readonly place: Pick<StoreOptions, 'url' | 'database' | 'hub' | 'ask' | 'clock'>;
  /** The same store, as a hub that starts anew opens it. */
  again(): Promise<Store>;
  /** Its time stands still, at the start of a minute, some days before the machine's at most. */
  readonly nowMs: number;
  /** Another store in the same engine. */
  beside(): Promise<Asker>;
  openAsk(folder: string, options?: Partial<Pick<AskOptions, 'retention' | 'expectations'>>): Ask;
  insert(rows: StoreBlock['rows']): Promise<void>;
  /** What such a file says, once it is in the store. */
  expect(file: unknown): Promise<InForce>;
  [Symbol.asyncDispose](): Promise<void>;
}

const retention: Retention = { flowsMs: 3 * dayMs, flows1mMs: 30 * dayMs };

/** A real engine with a store. */
export async function openAsker(): Promise<Asker> {
  const closing = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'sonde-ask-'));
  closing.defer(() => rm(folder, { recursive: true }));
  try {
    const engine = closing.use(
      await openEngine({ folder, memoryMaxBytes: 1e9, log: silentLog, clock: systemClock }),
    );
    const nowMs = Math.floor(systemClock.wallMs() / 60_000) * 60_000;
    return await openStoreOf(engine, { closing, nowMs, database: 'sonde' });
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

let databases = 0;

async function openStoreOf(
  engine: Engine,
  of: { readonly closing: AsyncDisposableStack; readonly nowMs: number; readonly database: string },
): Promise<Asker> {
  const { closing, nowMs, database } = of;
  try {
    const { url, hub } = engine;
    // The engine's own reader may read its own database only.
    const ask = database === 'sonde' ? engine.ask : hub;
    const place = { url, database, hub, ask, clock: systemClock };
    const store = closing.use(await openStore(place));
    const clock: Clock = { ...systemClock, wallMs: () => nowMs };
    let blocks = 0;
    return {
      store,
      place,
      again: () => openStore(place),
      nowMs,
      beside: () =>
        openStoreOf(engine, {
          closing: new AsyncDisposableStack(),
          nowMs,
          database: `beside_${++databases}`,
        }),
      openAsk: (questions, options = {}) =>
        openAsk({
          client: store.ask,
          cancel: (queryId) => store.cancel(queryId),
          questions: discoverQuestions(questions).questions,
          retention,
          ...options,
          clock,
        }),
      insert: (rows) => store.insert({ id: `block-${++blocks}`, rows }),
      expect: async (file) => {
        const { digest, rows } = rowsOf(parseExpectations(JSON.stringify(file), 'expected.yaml'));
        await store.note('expectations', rows);
        return { digest, notes: [] };
      },
      [Symbol.asyncDispose]: () => closing.disposeAsync(),
    };
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}
