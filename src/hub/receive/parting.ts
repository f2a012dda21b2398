/**
 * Finds the rows of a block that the store refuses for good, so that all others get there: a block that is
 * refused is halved, and its halves are handed over as blocks of their own. Their ids are made of the block's
 * (`ID:0`, `ID:1`, `ID:0:0` …), the same at every attempt; the inserter takes them all for the block's.
 */

import { BlockRefused, blockTables, type Row, type StoreBlock, type TableName } from '../../model/block.ts';
import type { Packing } from '../../model/row/packing.ts';
import type { Rows } from './journal.ts';
import type { RefusedRow } from './refused.ts';

export const partingLimits = {
  /** In one block, and of one table in a row: more than that is the table's fault, not the rows'. */
  refusedRowsMax: 16,
} as const;

type Insert = (block: StoreBlock) => Promise<void>;

/** Rows of a table that were refused since the last one that was taken. */
export type Streaks = ReadonlyMap<TableName, number>;

interface PartingOptions {
  readonly insert: Insert;
  readonly packing: Packing;
  readonly streaks: Streaks;
}

export interface Parted {
  readonly refused: readonly RefusedRow[];
  readonly streaks: Streaks;
}

function tablesOf(rows: Rows): TableName[] {
  return blockTables.filter((table) => (rows[table]?.length ?? 0) > 0);
}

/** Between tables first. Undefined for what cannot be halved: one row. */
function halves(rows: Rows, packing: Packing): readonly [Rows, Rows] | undefined {
  const [table, ...others] = tablesOf(rows);
  if (table === undefined) return undefined;
  const { [table]: packed, ...rest } = rows;
  if (others.length > 0) return [{ [table]: packed }, rest];
  const list = [...(packed ?? [])];
  if (list.length === 1) return undefined;
  const middle = list.length >>> 1;
  const half = (of: readonly Row[]): Rows => ({ [table]: packing.pack(table, of) });
  return [half(list.slice(0, middle)), half(list.slice(middle))];
}

/**
 * Resolves when the store has every row of the block but those that are named. Rejects as `insert` does, and
 * with the refusal when it meets too many rows: then nothing may be set aside.
 */
export async function insertParted(
  block: StoreBlock,
  { insert, packing, streaks: before }: PartingOptions,
): Promise<Parted> {
  const refused: RefusedRow[] = [];
  const streaks = new Map(before);

  function refuse({ id, rows }: StoreBlock, error: BlockRefused): void {
    for (const table of tablesOf(rows)) {
      const streak = (streaks.get(table) ?? 0) + 1;
      streaks.set(table, streak);
      if (Math.max(streak, refused.length + 1) > partingLimits.refusedRowsMax) throw error;
      const [row = []] = rows[table] ?? [];
      refused.push({ id, table, row, reason: error.message });
    }
  }

  async function insertPart(part: StoreBlock): Promise<void> {
    try {
      await insert(part);
      for (const table of tablesOf(part.rows)) streaks.delete(table);
    } catch (error) {
      if (!(error instanceof BlockRefused)) throw error;
      const parts = halves(part.rows, packing);
      if (!parts) refuse(part, error);
      for (const [n, rows] of parts?.entries() ?? []) await insertPart({ id: `${part.id}:${n}`, rows });
    }
  }

  await insertPart(block);
  return { refused, streaks };
}
