/** Brings a database to this version's tables. Only one hub may migrate a database at a time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { OperatorError } from '../../lib/errors.ts';
import { readMigrations, render } from './migrations.ts';
import type { Migration } from './migrations.ts';

const read = (name: string): string => readFileSync(join(import.meta.dirname, 'sql', name), 'utf8');
const createDatabase = read('create-database.sql');
const createRecord = read('create-migrations.sql');
const readRecord = read('applied-migrations.sql');
const record = read('record-migration.sql');

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
  user: { readonly username: string; readonly password: string },
): Promise<void> {
  const bootstrap = createClient({ url: place.url, ...user });
  try {
    await bootstrap.command({ query: createDatabase, query_params: { database: place.database } });
  } finally {
    await bootstrap.close();
  }
  const client = createClient({ url: place.url, database: place.database, ...user });
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
