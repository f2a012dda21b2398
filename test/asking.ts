/** A real engine and store for tests, with the hub's ask stage on top. */
import { openAsk, type Ask } from '../src/hub/ask/ask.ts';
import type { AskOptions } from '../src/hub/ask/options.ts';
import type { Retention } from '../src/hub/ask/range.ts';
import { parseExpectations } from '../src/hub/expect/file.ts';
import { rowsOf } from '../src/hub/expect/rows.ts';
import { openStore, packing, type Store } from '../src/hub/store/store.ts';
import { systemClock, type Clock } from '../src/lib/clock.ts';
import type { PlainRows } from '../src/model/row/packing.ts';
import type { InForce } from '../src/question/expectation.ts';
import { discoverQuestions } from '../src/question/discovery.ts';
import { openEngines, type Place } from './engines.ts';

export const dayMs = 86_400_000;

export interface Asker {
  readonly store: Store;
  /** Where it is. */
  readonly place: Place;
  /** The same store, as a hub that starts anew opens it. */
  again(): Promise<Store>;
  /** Its time stands still, at the start of a minute, some days before the machine's at most. */
  readonly nowMs: number;
  /** Another store in the same engine. */
  beside(): Promise<Asker>;
  openAsk(folder: string, options?: Partial<Pick<AskOptions, 'retention' | 'expectations'>>): Ask;
  insert(rows: PlainRows): Promise<void>;
  /** What such a file says, once it is in the store. */
  expect(file: unknown): Promise<InForce>;
  [Symbol.asyncDispose](): Promise<void>;
}

const retention: Retention = { flowsMs: 3 * dayMs, flows1mMs: 30 * dayMs };

/** A real engine with a store. */
export async function openAsker(): Promise<Asker> {
  const closing = new AsyncDisposableStack();
  try {
    const { place } = closing.use(await openEngines());
    const nowMs = Math.floor(systemClock.wallMs() / 60_000) * 60_000;
    return await openStoreOf(place, { closing, nowMs });
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

let databases = 0;

async function openStoreOf(
  place: Place,
  { closing, nowMs }: { readonly closing: AsyncDisposableStack; readonly nowMs: number },
): Promise<Asker> {
  try {
    const store = closing.use(await openStore(place));
    const clock: Clock = { ...systemClock, wallMs: () => nowMs };
    let blocks = 0;
    return {
      store,
      place,
      nowMs,
      again: () => openStore(place),
      beside: () =>
        openStoreOf(
          // The engine's own reader may read its own database only.
          { ...place, database: `beside_${++databases}`, ask: place.hub },
          { closing: new AsyncDisposableStack(), nowMs },
        ),
      openAsk: (questions, options = {}) =>
        openAsk({
          client: store.ask,
          cancel: (queryId) => store.cancel(queryId),
          questions: discoverQuestions(questions).questions,
          retention,
          ...options,
          clock,
        }),
      insert: (rows) =>
        store.insert({ id: `block-${++blocks}`, rows: packing.packTables(rows), fresh: true }),
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
