/**
 * Blocks into tables, exactly once, also when ClickHouse or the hub is killed in between.
 *
 * ClickHouse's own deduplication by token is not enough: its log and the part are two files, and a kill
 * between them leaves a token without its rows, so that the same block is refused for ever. Other versions
 * write them the other way round (docs/internals/decisions/0006-exactly-once.md). So a block that may have
 * been tried before is compared with what is stored, row by row by the identity that every record has; what
 * lacks is inserted, and what the rollups lack of it is added to them.
 *
 * One insert runs at a time: the comparison is about a store that nobody changes meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import type { Clock } from '../../lib/clock.ts';
import { blockTables } from '../../model/block.ts';
import type { PackedRows, Row, StoreBlock, TableName } from '../../model/block.ts';
import {
  extentOf,
  hourMs,
  identityColumns,
  identityOf,
  timeColumns,
  wholeHours,
} from '../../model/row/extent.ts';
import type { Packing } from '../../model/row/packing.ts';
import { storedQuery } from '../../model/row/stored.ts';
import { levelOf } from './dropped.ts';
import type { Dropped } from './dropped.ts';
import { refusalOf } from './refusal.ts';
import { statement } from './statement.ts';
import type { Turns } from './turns.ts';

const runningInserts = statement('running-inserts');
const killInserts = statement('kill-inserts');

/** Finest first: each is made of the one before. */
const reconciliations: Readonly<Record<TableName, readonly string[]>> = {
  flows: ['reconcile-flows-1m', 'reconcile-flows-1h', 'reconcile-names'].map(statement),
  connection_events: [],
  listeners: [],
  addresses: [],
  dns: ['reconcile-dns-1m', 'reconcile-dns-1h'].map(statement),
  windows: ['reconcile-windows-1m', 'reconcile-windows-1h', 'reconcile-nodes'].map(statement),
};

const limits = {
  /** How often a cancelled insert is looked for until it is gone. */
  settleMsMax: 60_000,
  settlePollMs: 100,
  /** Between the hub's clock and the store's, which drops what is too old. */
  skewMsMax: 60_000,
} as const;

export interface InserterOptions {
  readonly client: ClickHouseClient;
  readonly packing: Packing;
  readonly clock: Clock;
  /** How long flows and windows are kept as they came; for ever when it is left out. */
  readonly rawMs?: number | undefined;
  readonly dropped: Dropped;
  /** Of all who change the store. */
  readonly turns: Turns;
}

export type InsertBlock = (block: StoreBlock) => Promise<void>;

/** Of a block. */
interface TablePart<Rows> {
  readonly id: string;
  readonly table: TableName;
  readonly rows: Rows;
}

/** To be looked into. */
type TableRows = TablePart<readonly Row[]>;

const insertSettings = {
  deduplicate_blocks_in_dependent_materialized_views: 1,
  async_insert: 0,
  // Merges do it; here it would be done over rows that hardly ever meet.
  optimize_on_insert: 0,
  // Acknowledged by the shard itself, not by a queue on the way to it.
  distributed_foreground_insert: 1,
  // A reconciliation goes through this node as a whole.
  parallel_distributed_insert_select: '0',
} as const;

/** Adds to the rollups what they lack of the hours that these rows are in. */
async function reconcile({ table, rows }: TableRows, options: InserterOptions): Promise<void> {
  const { client, packing, clock, dropped, rawMs = Infinity } = options;
  const { hosts, fromMs, toMs } = wholeHours(extentOf(rows, { table, columns: packing.tables[table] }));
  // What has been dropped for its age, or for want of disk, is no fault of the rollups.
  const rawFromMs = Math.max(clock.wallMs() - rawMs, dropped.untilMs('flows'));
  const keptFromMs = Math.ceil(rawFromMs / hourMs) * hourMs;
  const params = { hosts, fromMs: Math.max(fromMs, keptFromMs), toMs };
  if (params.fromMs >= toMs) return;
  for (const query of reconciliations[table]) {
    await client.command({ query, query_params: params, clickhouse_settings: insertSettings });
  }
}

/** Without what is too old to be there: nothing tells whether the rollups have had it. */
function keptRows({ table, rows }: TableRows, options: InserterOptions): readonly Row[] {
  const { packing, clock, rawMs = Infinity } = options;
  if (reconciliations[table].length === 0) return rows; // it has no rollups
  const time = packing.tables[table].indexOf(timeColumns[table]);
  const fromMs = clock.wallMs() - rawMs + limits.skewMsMax;
  return rows.filter((row) => Date.parse(String(row[time])) >= fromMs);
}

/** Without what was dropped for want of disk: it is not to come back, nor to be summed up again. */
function undropped(part: TableRows, { packing, dropped }: InserterOptions): TableRows {
  const fromMs = dropped.untilMs(levelOf(part.table));
  if (fromMs === 0) return part;
  const time = packing.tables[part.table].indexOf(timeColumns[part.table]);
  const rows = part.rows.filter((row) => Date.parse(String(row[time])) >= fromMs);
  dropped.leftOut(part.rows.length - rows.length);
  return { ...part, rows };
}

/** Parts of a refused block may come next, under ids of their own: nothing of the whole may run then. */
async function tellFailure(error: unknown, settle: () => Promise<void>): Promise<never> {
  const told = refusalOf(error);
  if (told !== error) await settle();
  throw told;
}

/** As they are packed. */
async function insertPacked(
  { id, table, rows }: TablePart<PackedRows>,
  { client, packing, token }: Pick<InserterOptions, 'client' | 'packing'> & { readonly token: string },
): Promise<void> {
  const columns = packing.tables[table].slice(0, rows.columns).join(', ');
  const { stream } = await client.exec({
    query: `INSERT INTO ${table} (${columns}) FORMAT RowBinaryWithNamesAndTypes`,
    values: Readable.from([packing.head(table, rows.columns), rows.bytes]),
    query_id: `${queryPrefix(id)}${randomUUID()}`,
    clickhouse_settings: { ...insertSettings, insert_deduplication_token: token },
  });
  await finished(stream.resume());
}

/** Rejects with BlockRefused for rows that no attempt will bring into the store. */
export function openInserter(options: InserterOptions): InsertBlock {
  const { client, packing, clock } = options;
  /** Blocks that were tried and whose end is not known. */
  const uncertain = new Set<string>();

  async function ask<Row>(query: string, params: Readonly<Record<string, unknown>>): Promise<Row[]> {
    const answer = await client.query({ query, query_params: { ...params }, format: 'JSONEachRow' });
    return answer.json<Row>();
  }

  function insertRows({ id, table, rows }: TableRows, token: string): Promise<void> {
    return insertPacked({ id, table, rows: packing.pack(table, rows) }, { client, packing, token });
  }

  /** Resolves when no earlier insert of this block runs any more. */
  async function settle(id: string): Promise<void> {
    const params = { prefix: queryPrefix(id) };
    const endMs = clock.bootMs() + limits.settleMsMax;
    for (;;) {
      const [first] = await ask<{ running: number }>(runningInserts, params);
      if (Number(first?.running) === 0) return;
      if (clock.bootMs() > endMs) throw new Error(`an insert of block ${id} does not end`);
      await client.command({ query: killInserts, query_params: params });
      await clock.sleep(limits.settlePollMs);
    }
  }

  async function missingRows({ table, rows }: TableRows): Promise<readonly Row[]> {
    const columns = packing.tables[table];
    const extent = extentOf(rows, { table, columns });
    const stored = await ask<Record<string, string>>(storedQuery, {
      table,
      time: timeColumns[table],
      ...extent,
    });
    const there = new Set(stored.map((row) => identityColumns.map((column) => row[column]).join('\0')));
    return rows.filter((row) => !there.has(identityOf(row, columns)));
  }

  async function insertMissing(whole: TablePart<PackedRows>): Promise<void> {
    const part = undropped({ ...whole, rows: [...whole.rows] }, options);
    if (part.rows.length === 0) return;
    let rows = await missingRows(part);
    if (rows.length === part.rows.length) {
      // The block's own token holds off a first attempt that is still on its way through some queue.
      await insertRows(part, blockToken(part));
      rows = await missingRows(part);
    }
    rows = keptRows({ ...part, rows }, options);
    // Here that token is spent without the rows to show for it.
    if (rows.length > 0) await insertRows({ ...part, rows }, randomUUID());
    await reconcile(part, options);
  }

  async function insertBlock({ id, rows, fresh }: StoreBlock): Promise<void> {
    const certain = fresh === true && !uncertain.has(id);
    uncertain.add(id);
    if (!certain) await settle(id);
    for (const table of blockTables) {
      const of = rows[table];
      if (of === undefined || of.length === 0) continue;
      const part = { id, table, rows: of };
      const token = blockToken(part);
      await (certain ? insertPacked(part, { client, packing, token }) : insertMissing(part));
    }
    uncertain.delete(id);
  }

  return (block) =>
    options.turns(() =>
      insertBlock(block).catch((error: unknown) => tellFailure(error, () => settle(block.id))),
    );
}

function blockToken({ id, table }: TablePart<unknown>): string {
  return `${id}:${table}`;
}

function queryPrefix(id: string): string {
  return `sonde-block:${id}:`;
}
