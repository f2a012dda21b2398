/** The store that hub.yaml means: a ClickHouse by its URL, or the engine that is started here. */

import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { readNamedFile } from '../../lib/config-file.ts';
import type { Log } from '../../lib/log.ts';
import type { HubConfig } from '../config.ts';
import { openEngine, type Engine } from '../engine/engine.ts';
import { openDisk, type Disk, type DiskOptions } from './disk.ts';
import { openStore, type Store, type StoreOptions } from './store.ts';

const embeddedDatabase = 'sonde';

interface Login {
  readonly username: string;
  readonly password_file?: string | undefined;
}

function storeUser({ username, password_file: file }: Login): StoreOptions['hub'] {
  return { username, password: file === undefined ? '' : readNamedFile(file).trimEnd() };
}

interface Located {
  readonly options: StoreOptions;
  readonly engine?: Engine;
  /** What it may take; as much as it likes without it. */
  readonly room?: Pick<DiskOptions, 'max' | 'free'>;
}

async function locateStore(
  { store, embedded, retention }: HubConfig,
  { folder, log, opening }: { folder: string; log: Log; opening: AsyncDisposableStack },
): Promise<Located> {
  const { flows: flowsMs, minutes: minutesMs, hours: hoursMs, events: eventsMs } = retention;
  const kept = { clock: systemClock, retention: { flowsMs, minutesMs, hoursMs, eventsMs } };
  if (store) {
    const { url, database, cluster, ask = store, disk } = store;
    const users = { hub: storeUser(store), ask: storeUser(ask) };
    const options = { ...kept, ...users, url, database, ...(cluster ? { cluster } : {}) };
    return { options, ...(disk ? { room: { max: disk } } : {}) };
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
  const options = { ...kept, url, database: embeddedDatabase, hub, ask };
  return { options, engine, room: { max: embedded.disk, free: embedded.disk_free } };
}

export interface ConfiguredStore extends AsyncDisposable {
  readonly store: Store;
  readonly engine?: Engine | undefined;
  readonly disk?: Disk;
}

export async function openConfiguredStore(
  config: HubConfig,
  { folder, log }: { readonly folder: string; readonly log: Log },
): Promise<ConfiguredStore> {
  await using opening = new AsyncDisposableStack();
  const { options, engine, room } = await locateStore(config, { folder, log, opening });
  const store = opening.use(await openStore(options));
  const asked = { place: options, store, clock: systemClock, log };
  const disk = room ? { disk: opening.use(openDisk({ ...asked, ...room })) } : {};
  const parts = opening.move();
  return { store, engine, ...disk, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}
