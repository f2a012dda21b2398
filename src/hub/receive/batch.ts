/**
 * The rows of one request, packed, until a block takes them. Owns their bytes, which are those of the next
 * request too: from `begin` until they are taken nobody may wait.
 *
 * A long text of a resource is in every row of its records, so they can be far more than the request was:
 * `bytesMax` bounds them.
 */

import { OperatorError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';
import type { TableName } from '../../model/block.ts';
import { openSink, type Sink } from '../../model/row/binary.ts';
import type { Packing } from '../../model/row/packing.ts';
import type { TableRow } from '../../model/row/rows.ts';
import { sourceOf } from './ledger.ts';

/** Kept from one request to the next; whoever needs more gives it back. */
const keptBytes = 1 << 20;

export interface BatchRow {
  readonly table: TableName;
  readonly source: string;
  readonly sequence: number;
  readonly begin: number;
  readonly end: number;
}

export interface Batch {
  readonly sink: Sink;
  readonly rows: readonly BatchRow[];
}

export interface Batching {
  begin(): void;
  /** Throws request.too_large when no block can hold them. */
  add(row: TableRow): void;
  batch(): Batch;
}

export function openBatching(packing: Packing, bytesMax: number): Batching {
  let sink = openSink(keptBytes);
  let rows: BatchRow[] = [];
  /** Of the last row: most are of one. */
  let [bootId, instance, source] = ['', '', ''];

  return {
    begin() {
      if (sink.bytes.length > keptBytes) sink = openSink(keptBytes);
      sink.length = 0;
      rows = [];
    },
    add({ table, row, identity }) {
      if (identity.bootId !== bootId || identity.instance !== instance || source === '') {
        ({ bootId, instance } = identity);
        source = sourceOf(identity);
      }
      const begin = sink.length;
      packing.append(sink, table, row);
      rows.push({ table, source, sequence: identity.sequence, begin, end: sink.length });
      if (sink.length <= bytesMax) return;
      const what = 'with what its records have in common written out';
      throw new OperatorError('request.too_large', { max: formatBytes(bytesMax), what, limit: 'fixed' });
    },
    batch: () => ({ sink, rows }),
  };
}
