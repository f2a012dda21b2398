/** The hub's memory: ClickHouse over HTTP, be it the embedded engine or a team's cluster. */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Clock } from '../../lib/clock.ts';
import type { TableColumns } from '../../model/block.ts';
import { openPacking, type Packing } from '../../model/row/packing.ts';
import { connect } from './connect.ts';
import type { StoreUser } from './connect.ts';
import { openDropped } from './dropped.ts';
import type { Dropped } from './dropped.ts';
import { openInserter } from './insert.ts';
import type { InsertBlock } from './insert.ts';
import { migrate } from './migrate.ts';
import type { Cluster } from './migrate.ts';
import { readMigrations, readTables } from './migrations.ts';
import { applyRetention } from './retention.ts';
import type { Retention } from './retention.ts';
import { statement } from './statement.ts';
import { openTurns } from './turns.ts';
import type { Turns } from './turns.ts';

const noting = {
  format: 'JSONEachRow',
  clickhouse_settings: {
    async_insert: 0,
    input_format_parallel_parsing: 0,
    distributed_foreground_insert: 1,
    date_time_input_format: 'best_effort',
  },
} as const;

const killQuery = statement('kill-query');

export interface StoreOptions {
  readonly url: string;
  readonly database: string;
  /** Then `url` is one node of it, and tables are distributed over all. */
  readonly cluster?: Cluster;
  /** Creates and fills the tables. */
  readonly hub: StoreUser;
  /** Asks; the same user where there is only one. */
  readonly ask: StoreUser;
  readonly clock: Clock;
  /** Kept for ever when it is left out. */
  readonly retention?: Retention;
}

export type NotedTable = 'detector_state' | 'findings' | 'deliveries' | 'dropped' | 'expectations';

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
  readonly insert: InsertBlock;
  /** Who changes what is stored waits for the inserts before, and holds up those after. */
  readonly turns: Turns;
  /** What went before its time. */
  readonly dropped: Dropped;
  /** Rows that are no agent's, by column. One call of one question's or digest's is stored as a whole or not. */
  note(table: NotedTable, rows: readonly Readonly<Record<string, unknown>>[]): Promise<void>;
  /** Ends a query that `ask` has under way, by its id. Whoever may only read has no grant for that. */
  cancel(queryId: string): Promise<unknown>;
  ready(): Promise<boolean>;
  version(): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Known before the store is open: what is received is put into the journal in this shape. */
export const packing: Packing = openPacking(readTables(readMigrations()));
export const { tables } = packing;

export async function openStore(options: StoreOptions): Promise<Store> {
  const admin = connect(options, options.hub);
  const ask = connect(options, options.ask);
  const close = async (): Promise<void> => {
    await admin.close();
    await ask.close();
  };
  const turns = openTurns();
  let dropped: Dropped;
  try {
    await migrate(options, options.hub);
    if (options.retention !== undefined) await applyRetention(options, options.retention);
    dropped = await openDropped(admin);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    tables,
    admin,
    ask,
    turns,
    dropped,
    insert: openInserter({
      client: admin,
      packing,
      clock: options.clock,
      rawMs: options.retention?.flowsMs,
      dropped,
      turns,
    }),
    note: async (table, rows) => {
      if (rows.length > 0) await admin.insert({ table, values: rows, ...noting });
    },
    cancel: (queryId) => admin.command({ query: killQuery, query_params: { query_id: queryId } }),
    ready: async () => (await admin.ping({ select: true })).success,
    version: async () => {
      const answer = await admin.query({ query: 'SELECT version() AS version', format: 'JSONEachRow' });
      return (await answer.json<{ version: string }>())[0]?.version ?? '';
    },
    [Symbol.asyncDispose]: close,
  };
}
