/** Brings a database to this version's tables. Only one hub may migrate a database at a time. */
import type { ClickHouseClient } from '@clickhouse/client';
import { OperatorError } from '../../lib/errors.ts';
import { connect } from './connect.ts';
import type { StoreUser } from './connect.ts';
import { readMigrations, render } from './migrations.ts';
import type { Migration } from './migrations.ts';
import { statement } from './statement.ts';

const createDatabase = statement('create-database');
const createRecord = statement('create-migrations');
const readRecord = statement('applied-migrations');
const record = statement('record-migration');

const single = { table: (name: string) => name, engine: (name: string) => name };

async function applied(client: ClickHouseClient): Promise<number> {
  const answer = await client.query({ query: readRecord, format: 'JSONEachRow' });
  return (await answer.json<{ last: number }>())[0]?.last ?? 0;
}

async function apply(client: ClickHouseClient, { number, name, sql }: Migration): Promise<void> {
  await client.command({ query: render(sql, single) });
  await client.command({ query: record, query_params: { number, name } });
}

export async function migrate(
  place: { readonly url: string; readonly database: string },
  user: StoreUser,
): Promise<void> {
  const bootstrap = connect({ url: place.url }, user);
  try {
    await bootstrap.command({ query: createDatabase, query_params: { database: place.database } });
  } finally {
    await bootstrap.close();
  }
  const client = connect(place, user);
  try {
    await client.command({ query: createRecord });
    const migrations = readMigrations();
    const [found, known] = [await applied(client), migrations.at(-1)?.number ?? 0];
    if (found > known) throw new OperatorError('store.newer', { place: place.url, found, known });
    for (const migration of migrations) if (migration.number > found) await apply(client, migration);
  } finally {
    await client.close();
  }
}
