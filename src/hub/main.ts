/**
 * The map of the hub: engine → store → ask; receive → journal → store; http before all of them. Builds the
 * parts, connects them, closes in reverse.
 */

import { join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { formatOperatorError, OperatorError } from '../lib/errors.ts';
import { makeFolders } from '../lib/folders.ts';
import type { Log } from '../lib/log.ts';
import { discoverQuestions, questionsFolder } from '../question/discovery.ts';
import { openAsk } from './ask/ask.ts';
import { openExports } from './ask/export.ts';
import { dataFolder, type HubConfig } from './config.ts';
import { openDetecting, withDetectors } from './detect/main.ts';
import { openExpectations } from './expect/expectations.ts';
import { openHub, type Backend, type Hub } from './hub.ts';
import type { Dropped } from './store/dropped.ts';
import { openConfiguredStore } from './store/main.ts';
import { packing, type Store } from './store/store.ts';

export interface RunOptions {
  readonly log: Log;
  readonly onOpen?: (hub: Hub) => void;
}

async function openBackend(config: HubConfig, folder: string, log: Log): Promise<Backend> {
  await using opening = new AsyncDisposableStack();
  const { store, engine, disk } = opening.use(await openConfiguredStore(config, { folder, log }));
  const { questions, problems } = discoverQuestions(questionsFolder());
  for (const problem of problems) log.warn(formatOperatorError(problem).replace(/^sonde: /, ''));
  const { flows: flowsMs, minutes: flows1mMs } = config.retention;
  const cancel: Store['cancel'] = (queryId) => store.cancel(queryId);
  const expected = openExpectations({
    files: config.expectations?.files,
    note: (rows) => store.note('expectations', rows),
    clock: systemClock,
    log,
  });
  const asking = { client: store.ask, cancel, clock: systemClock };
  const droppedUntilMs: Dropped['untilMs'] = (level) => store.dropped.untilMs(level);
  const expectations = () => expected.inForce();
  const retention = { flowsMs, flows1mMs, droppedUntilMs };
  const ask = openAsk({ ...asking, questions, retention, expectations });
  const keptMs = (): number => Math.min(flowsMs, systemClock.wallMs() - droppedUntilMs('flows'));
  const asked = { store, ask, questions, keptMs, expectations, clock: systemClock, log };
  const detect = opening.use(await openDetecting({ config: config.detect, ...asked }));
  const parts = opening.move();
  return {
    kind: engine?.kind ?? 'cluster',
    ask: withDetectors(ask, detect),
    detect,
    expectations: expected,
    exports: openExports(asking),
    insert: (block) => store.insert(block),
    ready: () => store.ready(),
    version: () => store.version(),
    ...(engine ? { pid: () => engine.pid() } : {}),
    ...(disk ? { disk: () => disk.status() } : {}),
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
    packing,
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
