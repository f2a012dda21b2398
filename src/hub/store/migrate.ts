/**
 * Brings a database to this version's tables, and on a cluster every node of it, one after the other. Only
 * one hub may migrate a database at a time.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { OperatorError } from '../../lib/errors.ts';
import { connect } from './connect.ts';
import type { StoreUser } from './connect.ts';
import { alteredTable, createdTable, readMigrations, render } from './migrations.ts';
import { statement } from './statement.ts';

const createDatabase = statement('create-database');
const createDistributed = statement('create-distributed');
const createRecord = statement('create-migrations');
const readRecord = statement('applied-migrations');
const record = statement('record-migration');

/** The first that a table has says on which shard a row is. */
const shardedBy = ['host_name', 'question', 'level'] as const;

export interface Cluster {
  /** As ClickHouse's own configuration names it. */
  readonly name: string;
  /** Every node of it. */
  readonly urls: readonly string[];
}

export interface MigrationPlace {
  readonly url: string;
  readonly database: string;
  readonly cluster?: Cluster;
}

/** Of a table's rows on one node. */
export function localTable(table: string, cluster: Cluster | undefined): string {
  return cluster === undefined ? table : `${table}_local`;
}

async function applied(client: ClickHouseClient): Promise<number> {
  const answer = await client.query({ query: readRecord, format: 'JSONEachRow' });
  return (await answer.json<{ last: number }>())[0]?.last ?? 0;
}

async function apply(client: ClickHouseClient, sql: string, cluster: Cluster | undefined): Promise<void> {
  const rendered = (table: (name: string) => string) => render(sql, { table, engine: (engine) => engine });
  await client.command({ query: rendered((table) => localTable(table, cluster)) });
  // The table that stands for all nodes' has columns of its own.
  if (cluster !== undefined && alteredTable(sql) !== undefined)
    await client.command({ query: rendered((table) => table) });
  const name = createdTable(sql);
  if (cluster !== undefined && name !== undefined) {
    // Identifier parameters are not taken everywhere in a CREATE.
    const distributed = createDistributed
      .replaceAll('{name:Table}', name)
      .replaceAll('{local:Table}', localTable(name, cluster))
      .replaceAll('{by:Column}', shardedBy.find((column) => sql.includes(`\n  ${column} `)) ?? 'rand()')
      .replaceAll('{cluster:Name}', `\`${cluster.name.replace(/[`\\]/g, '\\$&')}\``);
    await client.command({ query: distributed });
  }
}

async function migrateNode(place: MigrationPlace, user: StoreUser): Promise<void> {
  {
    await using bootstrap = connect({ url: place.url }, user);
    await bootstrap.command({ query: createDatabase, query_params: { database: place.database } });
  }
  await using client = connect(place, user);
  await client.command({ query: createRecord });
  const migrations = readMigrations();
  const [found, known] = [await applied(client), migrations.at(-1)?.number ?? 0];
  if (found > known) throw new OperatorError('store.newer', { place: place.url, found, known });
  for (const { number, name, statements } of migrations) {
    if (number <= found) continue;
    for (const sql of statements) await apply(client, sql, place.cluster);
    await client.command({ query: record, query_params: { number, name } });
  }
}

export async function migrate(place: MigrationPlace, user: StoreUser): Promise<void> {
  for (const url of place.cluster?.urls ?? [place.url]) await migrateNode({ ...place, url }, user);
}
