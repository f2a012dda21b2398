/** The hub's memory: ClickHouse over HTTP, be it the embedded engine or a team's cluster. */
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { blockTables } from '../../model/block.ts';
import type { Row, StoreBlock, TableColumns, TableName } from '../../model/block.ts';
import { migrate } from './migrate.ts';
import { readMigrations, readTables } from './migrations.ts';

export interface StoreUser {
  readonly username: string;
  readonly password: string;
}

export interface StoreOptions {
  readonly url: string;
  readonly database: string;
  /** Creates and fills the tables. */
  readonly hub: StoreUser;
  /** Asks; the same user where there is only one. */
  readonly ask: StoreUser;
}

export interface Store {
  /** The columns of the tables that are written. */
  readonly tables: TableColumns;
  /** May do everything. */
  readonly admin: ClickHouseClient;
  /** May read; questions go here. */
  readonly ask: ClickHouseClient;
  /**
   * Resolves when every row of the block is stored, exactly once, also when an earlier call with the same
   * block failed half-way. Rejects when that is not sure: then call it again with the same block.
   */
  insert(block: StoreBlock): Promise<void>;
  ready(): Promise<boolean>;
  version(): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const storeLimits = {
  requestMsMax: 120_000,
  connectionsMax: 16,
} as const;

/** Known before the store is open: what is received is put into the journal in this shape. */
export const tables: TableColumns = readTables(readMigrations());

function connect(options: StoreOptions, user: StoreUser): ClickHouseClient {
  return createClient({
    url: options.url,
    username: user.username,
    password: user.password,
    database: options.database,
    request_timeout: storeLimits.requestMsMax,
    max_open_connections: storeLimits.connectionsMax,
    // Errors are thrown; whoever catches them says them.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/** Rows of an earlier version have fewer columns: what was appended since gets its default. */
function columnsFor(table: TableName, rows: readonly Row[]): [string, ...string[]] {
  return tables[table].slice(0, rows[0]?.length) as [string, ...string[]];
}

async function insertRows(
  client: ClickHouseClient,
  { id, table, rows }: { id: string; table: TableName; rows: readonly Row[] },
): Promise<void> {
  await client.insert({
    table,
    columns: columnsFor(table, rows),
    values: rows,
    format: 'JSONCompactEachRow',
    clickhouse_settings: {
      insert_deduplication_token: `${id}:${table}`,
      deduplicate_blocks_in_dependent_materialized_views: 1,
      // Cut otherwise, a replayed block could meet its token with other rows.
      input_format_parallel_parsing: 0,
      async_insert: 0,
      insert_distributed_sync: 1,
      date_time_input_format: 'best_effort',
    },
  });
}

export async function openStore(options: StoreOptions): Promise<Store> {
  const admin = connect(options, options.hub);
  const ask = connect(options, options.ask);
  const close = async (): Promise<void> => {
    await admin.close();
    await ask.close();
  };
  try {
    await migrate(options, options.hub);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    tables,
    admin,
    ask,
    insert: async (block) => {
      for (const table of blockTables) {
        const rows = block.rows[table] ?? [];
        if (rows.length > 0) await insertRows(admin, { id: block.id, table, rows });
      }
    },
    ready: async () => (await admin.ping({ select: true })).success,
    version: async () => {
      const answer = await admin.query({ query: 'SELECT version() AS version', format: 'JSONEachRow' });
      return (await answer.json<{ version: string }>())[0]?.version ?? '';
    },
    [Symbol.asyncDispose]: close,
  };
}
