/**
 * Rows into the hub's tables, by the official client. What is inserted again has the same token, made of
 * which records they are, and ClickHouse drops it. It remembers a thousand tokens for each table: where an
 * insert may have been tried before, by this agent or the one that was killed, what is there already is
 * looked up.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as https from 'node:https';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { blockTables, type Row, type TableName } from '../../../model/block.ts';
import { extentOf, identityColumns, identityOf, timeColumns } from '../../../model/row/extent.ts';
import { filledColumns } from '../../../model/row/rows.ts';
import { storedQuery } from '../../../model/row/stored.ts';
import type { TlsSettings } from '../tls.ts';

function statement(name: string): string {
  return readFileSync(new URL(`sql/${name}.sql`, import.meta.url), 'utf8');
}

const columnsQuery = statement('columns');

const insertSettings = {
  async_insert: 0,
  date_time_input_format: 'best_effort',
  deduplicate_blocks_in_dependent_materialized_views: 1,
  distributed_foreground_insert: 1,
  // Cut otherwise, the same rows could meet their token in other blocks.
  input_format_parallel_parsing: 0,
} as const;

export interface Place {
  readonly url: string;
  readonly database: string;
  readonly username: string;
  readonly password: string;
  readonly tls: TlsSettings | undefined;
  readonly timeoutMs: number;
}

export interface Part {
  readonly table: TableName;
  /** In the order of `filledColumns`. */
  readonly rows: readonly Row[];
}

export type Tables = AsyncDisposable & {
  /** Rejects where a table or a column of it is missing. */
  check(signal: AbortSignal): Promise<void>;
  /** Without the rows that are stored already. */
  lacking(part: Part, signal: AbortSignal): Promise<Part>;
  /** Resolves when ClickHouse has them. */
  insert(part: Part, signal: AbortSignal): Promise<void>;
};

/** The same for the same records, whatever was around them. */
export function tokenOf({ table, rows }: Part): string {
  const hash = createHash('sha256').update(table);
  for (const row of rows) hash.update(`\n${identityOf(row, filledColumns[table])}`);
  return `sonde-agent:${hash.digest('hex')}`;
}

function open({ url, database, username, password, tls, timeoutMs }: Place): ClickHouseClient {
  return createClient({
    url,
    database,
    username,
    password,
    request_timeout: timeoutMs,
    max_open_connections: 1,
    compression: { request: true },
    ...(tls ? { http_agent: new https.Agent({ ...tls, keepAlive: true, maxSockets: 1 }) } : {}),
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/** What to do about it is for the operator to read in one line. */
function missing(found: ReadonlySet<string>, database: string): string | undefined {
  const tables = blockTables.filter(
    (table) => !filledColumns[table].some((of) => found.has(`${table}.${of}`)),
  );
  const make = 'make them as docs/operating/exporters.md says';
  if (tables.length > 0)
    return `database ${database} has no table ${tables.join(', ')} that this user may see; ${make}`;
  const columns = blockTables
    .flatMap((table) => filledColumns[table].map((of) => `${table}.${of}`))
    .filter((column) => !found.has(column));
  if (columns.length === 0) return undefined;
  const some = columns.slice(0, 5).join(', ');
  return `database ${database} lacks ${some}: its tables are of an older Sonde; ${make}`;
}

export function openTables(place: Place): Tables {
  const client = open(place);

  async function ask<Found>(
    query: string,
    params: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<Found[]> {
    const options = {
      query,
      query_params: { ...params },
      format: 'JSONEachRow',
      abort_signal: signal,
    } as const;
    return (await client.query(options)).json<Found>();
  }

  return {
    async check(signal) {
      const params = { tables: blockTables };
      const found = await ask<{ table: string; name: string }>(columnsQuery, params, signal);
      const problem = missing(new Set(found.map(({ table, name }) => `${table}.${name}`)), place.database);
      if (problem !== undefined) throw new Error(problem);
    },
    async lacking({ table, rows }, signal) {
      const columns = filledColumns[table];
      const params = { table, time: timeColumns[table], ...extentOf(rows, { table, columns }) };
      const stored = await ask<Record<string, string>>(storedQuery, params, signal);
      const there = new Set(stored.map((row) => identityColumns.map((column) => row[column]).join('\0')));
      return { table, rows: rows.filter((row) => !there.has(identityOf(row, columns))) };
    },
    async insert({ table, rows }, signal) {
      await client.insert({
        table,
        columns: [...filledColumns[table]] as [string, ...string[]],
        values: rows,
        format: 'JSONCompactEachRow',
        abort_signal: signal,
        clickhouse_settings: { ...insertSettings, insert_deduplication_token: tokenOf({ table, rows }) },
      });
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}
