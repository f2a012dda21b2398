/**
 * Where tests have their store: an embedded engine. With SONDE_TEST_SHARDS=2 it is two of them that make a
 * cluster, for the same tests (npm run test:cluster).
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeUsers, type ClusterPart } from '../src/hub/engine/configuration.ts';
import { freePort, openEngine, type Engine } from '../src/hub/engine/engine.ts';
import type { StoreOptions } from '../src/hub/store/store.ts';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';

/** As the store of a hub is told. */
export type Place = Pick<StoreOptions, 'url' | 'database' | 'cluster' | 'hub' | 'ask' | 'clock'>;

export interface Engines extends AsyncDisposable {
  /** One for each shard. */
  readonly all: readonly Engine[];
  /** As the hub sees it that asks the engine of that number. */
  placeOf(number: number): Place;
  readonly place: Place;
  /** Of a table's rows on one node. */
  local(table: string): string;
  /** Starts after the first ones. */
  restarts(): number;
}

export interface EnginesOptions {
  readonly shards?: number;
  readonly backOffMsMax?: number;
  /** Of a cluster. */
  readonly zookeeperPort?: number;
}

const clusterName = 'both';

function shardsAsked(): number {
  const shards = Number(process.env['SONDE_TEST_SHARDS'] ?? '1');
  assert.ok(shards === 1 || shards === 2, 'SONDE_TEST_SHARDS is 1 or 2');
  return shards;
}

async function partsOf(
  shards: number,
  zookeeper: Pick<ClusterPart, 'zookeeperPort'>,
): Promise<readonly (ClusterPart | undefined)[]> {
  if (shards === 1) return [undefined];
  const users = makeUsers();
  const tcpPorts: number[] = [];
  while (tcpPorts.length < shards) tcpPorts.push(await freePort());
  return tcpPorts.map((tcpPort) => ({ name: clusterName, users, tcpPort, tcpPorts, ...zookeeper }));
}

export async function openEngines({
  shards = shardsAsked(),
  zookeeperPort,
  ...options
}: EnginesOptions = {}): Promise<Engines> {
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'sonde-engine-'));
  opening.defer(() => rm(folder, { recursive: true }));
  const all: Engine[] = [];
  for (const cluster of await partsOf(shards, zookeeperPort === undefined ? {} : { zookeeperPort })) {
    const own = join(folder, String(all.length));
    const common = { memoryMaxBytes: 1e9, log: silentLog, clock: systemClock, ...options };
    all.push(opening.use(await openEngine({ folder: own, ...common, ...(cluster ? { cluster } : {}) })));
  }
  const urls = all.map(({ url }) => url);
  const cluster = shards === 1 ? {} : { cluster: { name: clusterName, urls } };
  const placeOf = (number: number): Place => {
    const engine = all[number];
    assert.ok(engine !== undefined);
    const { url, hub, ask } = engine;
    return { url, database: 'sonde', ...cluster, hub, ask, clock: systemClock };
  };
  const parts = opening.move();
  return {
    all,
    placeOf,
    place: placeOf(0),
    local: (table) => (shards === 1 ? table : `${table}_local`),
    restarts: () => all.reduce((sum, engine) => sum + engine.restarts(), 0),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
