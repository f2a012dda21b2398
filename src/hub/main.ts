/**
 * The map of the hub: engine → store → ask; receive → journal → store; http before all of them. Builds the
 * parts, connects them, closes in reverse.
 */

import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { readNamedFile } from '../lib/config-file.ts';
import { formatOperatorError, OperatorError } from '../lib/errors.ts';
import { makeFolders } from '../lib/folders.ts';
import type { Log } from '../lib/log.ts';
import { discoverQuestions, questionsFolder } from '../question/discovery.ts';
import { openAsk } from './ask/ask.ts';
import { openExports } from './ask/export.ts';
import { dataFolder, type HubConfig } from './config.ts';
import { openDetecting, withDetectors } from './detect/main.ts';
import { openEngine, type Engine } from './engine/engine.ts';
import { openHub, type Backend, type Hub } from './hub.ts';
import { openStore, tables, type Store, type StoreOptions } from './store/store.ts';

export interface RunOptions {
  readonly log: Log;
  readonly onOpen?: (hub: Hub) => void;
}

const embeddedDatabase = 'sonde';

interface Login {
  readonly username: string;
  readonly password_file?: string | undefined;
}

function storeUser({ username, password_file: file }: Login): StoreOptions['hub'] {
  return { username, password: file === undefined ? '' : readNamedFile(file).trimEnd() };
}

/** Where the store is: a cluster by its URL, or the engine that is started here. */
async function locateStore(
  { store, embedded, retention }: HubConfig,
  { folder, log, opening }: { folder: string; log: Log; opening: AsyncDisposableStack },
): Promise<{ readonly options: StoreOptions; readonly engine?: Engine }> {
  const { flows: flowsMs, minutes: minutesMs, hours: hoursMs, events: eventsMs } = retention;
  const kept = { clock: systemClock, retention: { flowsMs, minutesMs, hoursMs, eventsMs } };
  if (store) {
    const { url, database, cluster, ask = store } = store;
    const users = { hub: storeUser(store), ask: storeUser(ask) };
    return { options: { ...kept, ...users, url, database, ...(cluster ? { cluster } : {}) } };
  }
  const engine = opening.use(
    await openEngine({
      folder: join(folder, 'engine'),
      memoryMaxBytes: embedded.memory,
      log,
      clock: systemClock,
    }),
  );
  const { url, hub, ask } = engine;
  return { options: { ...kept, url, database: embeddedDatabase, hub, ask }, engine };
}

async function openBackend(config: HubConfig, folder: string, log: Log): Promise<Backend> {
  await using opening = new AsyncDisposableStack();
  const { options, engine } = await locateStore(config, { folder, log, opening });
  const store = opening.use(await openStore(options));
  const { questions, problems } = discoverQuestions(questionsFolder());
  for (const problem of problems) log.warn(formatOperatorError(problem).replace(/^sonde: /, ''));
  const { flows: flowsMs, minutes: flows1mMs } = config.retention;
  const cancel: Store['cancel'] = (queryId) => store.cancel(queryId);
  const asking = { client: store.ask, cancel, clock: systemClock };
  const ask = openAsk({ ...asking, questions, retention: { flowsMs, flows1mMs } });
  const asked = { store, ask, questions, keptMs: flowsMs, clock: systemClock, log };
  const detect = opening.use(await openDetecting({ config: config.detect, ...asked }));
  const parts = opening.move();
  return {
    kind: engine?.kind ?? 'cluster',
    ask: withDetectors(ask, detect),
    detect,
    exports: openExports(asking),
    insert: (block) => store.insert(block),
    ready: () => store.ready(),
    version: () => store.version(),
    ...(engine ? { pid: () => engine.pid() } : {}),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function makeFolder(folder: string): void {
  try {
    makeFolders(folder, 0o700);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new OperatorError('hub.folder_unusable', { folder, reason: code }, { cause: error });
  }
}

/** Runs a hub until the signal. Throws OperatorError for what an operator can mend. */
export async function runHub(
  config: HubConfig,
  signal: AbortSignal,
  { log, onOpen }: RunOptions,
): Promise<void> {
  const folder = dataFolder(config);
  makeFolder(folder);
  await using hub = await openHub({
    config,
    journalFolder: join(folder, 'journal'),
    webFolder: join(import.meta.dirname, '../../build/web'),
    tables,
    connect: () => openBackend(config, folder, log),
    clock: systemClock,
    log,
  });
  log.info(`listening on ${hub.url}`);
  onOpen?.(hub);
  const { promise: stopped, resolve: stop } = Promise.withResolvers<undefined>();
  if (signal.aborted) stop(undefined);
  signal.addEventListener('abort', () => stop(undefined), { once: true });
  await Promise.race([stopped, hub.connected.then(() => stopped)]);
}
