/**
 * Rows that the store refuses for good. Owns `refused.ndjson` and `refused.1.ndjson` (what it was when it had
 * grown to `fileBytesMax`; what was there before is dropped) in the folder of the journal: a row is on disk
 * here before the journal may forget it. After a crash a row can be in it twice.
 */

import { renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Row, TableName } from '../../model/block.ts';

export const refusedLimits = { fileBytesMax: 16 << 20, examplesMax: 10 } as const;

export interface RefusedRow {
  /** Of the part of a block that was this row alone. */
  readonly id: string;
  readonly table: TableName;
  readonly row: Row;
  readonly reason: string;
}

export interface RefusedStatus {
  /** Since the start. */
  readonly records: number;
  /** The last ones; newest first. */
  readonly examples: readonly { readonly at: string; readonly table: TableName; readonly reason: string }[];
}

export interface RefusedRows {
  /** Resolves when they are on disk. */
  setAside(rows: readonly RefusedRow[]): Promise<void>;
  readonly status: () => RefusedStatus;
}

export function createRefusedRows(folder: string, clock: Pick<Clock, 'wallMs'>): RefusedRows {
  const file = join(folder, 'refused.ndjson');
  let records = 0;
  const examples: RefusedStatus['examples'][number][] = [];

  function makeRoom(): void {
    const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > refusedLimits.fileBytesMax) renameSync(file, join(folder, 'refused.1.ndjson'));
  }

  return {
    async setAside(rows) {
      if (rows.length === 0) return;
      const at = new Date(clock.wallMs()).toISOString();
      makeRoom();
      await using handle = await open(file, 'a', 0o600);
      await handle.appendFile(rows.map((row) => `${JSON.stringify({ at, ...row })}\n`).join(''));
      await handle.datasync();
      records += rows.length;
      for (const { table, reason } of rows) examples.unshift({ at, table, reason });
      examples.length = Math.min(examples.length, refusedLimits.examplesMax);
    },
    status: () => ({ records, examples: [...examples] }),
  };
}
