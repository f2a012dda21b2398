/**
 * Coalesces what requests bring into blocks and writes these to the journal, one after the other. A request
 * is acknowledged when all that it brought is on disk, also what an earlier request, not on disk yet, brought
 * first.
 *
 * Owns the rows that are not on disk yet; the server's limit of bytes in flight bounds them. A row must never
 * be in two blocks.
 */

import type { Clock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';
import type { TableName } from '../../model/block.ts';
import { openSink, type Sink } from '../../model/row/binary.ts';
import { copyInto, type Packing } from '../../model/row/packing.ts';
import type { Batch, BatchRow } from './batch.ts';
import { busy } from './busy.ts';
import type { Journal, JournalBlock, Rows } from './journal.ts';
import { addRange, hasNumber, type Ranges } from './ranges.ts';

export interface BlockLimits {
  readonly rowsMax: number;
  /** What the rows of a block come to. */
  readonly bytesMax: number;
  /** How long a block waits for more; what an acknowledgement takes at least. */
  readonly waitMsMin: number;
  /** The same while the store has not all others: a few large blocks are far less work for it than many small. */
  readonly waitMsMax: number;
}

export const blockLimits: BlockLimits = {
  rowsMax: 30_000,
  bytesMax: 64 << 20,
  waitMsMin: 100,
  waitMsMax: 1000,
};

/** A block in memory: nobody was told yet that it is safe. */
interface OpenBlock {
  readonly tables: Partial<Record<TableName, { readonly sink: Sink; rows: number }>>;
  readonly taken: Map<string, Ranges>;
  rowCount: number;
  bytes: number;
  /** Resolves when it waits for no more rows. */
  readonly full: PromiseWithResolvers<undefined>;
  readonly safe: PromiseWithResolvers<undefined>;
}

export interface WrittenBlock {
  readonly block: JournalBlock;
  readonly rows: Rows;
}

export interface BlockWriterOptions {
  readonly journal: Journal;
  readonly packing: Packing;
  readonly clock: Clock;
  readonly limits?: BlockLimits;
  /** Resolves when the store has all that was written. */
  readonly storeIdle: () => Promise<unknown>;
  /** Called once per block, in order. */
  readonly onWritten: (written: WrittenBlock) => void;
}

const sinkBytes = 4096;

export type Fate = 'new' | 'duplicate' | 'beyond';

export interface Admission {
  /** What becomes of each row, in their order. */
  readonly fates: readonly Fate[];
  /** Resolves when all of it is on disk; rejects with hub.journal_unwritable when none of what is new is. */
  readonly safe: Promise<void>;
}

function openBlock(): OpenBlock {
  const block = {
    tables: {},
    taken: new Map<string, Ranges>(),
    rowCount: 0,
    bytes: 0,
    full: Promise.withResolvers<undefined>(),
    safe: Promise.withResolvers<undefined>(),
  };
  block.safe.promise.catch(() => undefined); // whoever waits is told; nobody may wait
  return block;
}

export class BlockWriter {
  readonly #options: Required<BlockWriterOptions>;
  /** Being written. */
  #sealed: OpenBlock | undefined;
  #open: OpenBlock | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(options: BlockWriterOptions) {
    this.#options = { limits: blockLimits, ...options };
  }

  /**
   * Takes rows of one request, all into the same block. Throws hub.busy when the one that is being filled
   * cannot hold them.
   */
  admit({ sink, rows }: Batch): Admission {
    this.#makeRoom(sink.length);
    const fates = rows.map((row) => this.#admitRow(row, sink));
    const last = this.#open ?? this.#sealed;
    return { fates, safe: last ? last.safe.promise : Promise.resolve() };
  }

  /** Duplicates count too: they are few, or the request is small. */
  #makeRoom(bytes: number): void {
    const { bytesMax } = this.#options.limits;
    const filled = this.#open?.bytes ?? 0;
    if (filled + bytes > bytesMax) {
      this.#open?.full.resolve(undefined);
      throw busy(`${formatBytes(filled)} wait to be written to the journal`);
    }
  }

  #admitRow({ table, source, sequence, begin, end }: BatchRow, sink: Sink): Fate {
    const known = this.#options.journal.ledger.look(source, sequence);
    if (known === 'beyond') return 'beyond';
    const isTaken = [this.#sealed, this.#open].some((pending) => {
      const ranges = pending?.taken.get(source);
      return ranges !== undefined && hasNumber(ranges, sequence);
    });
    if (known === 'taken' || isTaken) return 'duplicate';

    const block = (this.#open ??= this.#begin());
    const into = (block.tables[table] ??= { sink: openSink(sinkBytes), rows: 0 });
    copyInto(into.sink, sink, [begin, end]);
    into.rows++;
    block.rowCount++;
    block.bytes += end - begin;
    let ranges = block.taken.get(source);
    if (!ranges) block.taken.set(source, (ranges = []));
    addRange(ranges, [sequence, sequence]);
    if (block.rowCount >= this.#options.limits.rowsMax || this.#isClosing) block.full.resolve(undefined);
    return 'new';
  }

  #begin(): OpenBlock {
    const block = openBlock();
    void this.#waitForMore().then(() => block.full.resolve(undefined));
    this.#writing = this.#writing.then(() => this.#write(block));
    return block;
  }

  async #waitForMore(): Promise<void> {
    const { clock, limits, storeIdle } = this.#options;
    await clock.sleep(limits.waitMsMin);
    const patience = new AbortController();
    const late = clock.sleep(limits.waitMsMax - limits.waitMsMin, patience.signal).catch(() => undefined);
    await Promise.race([storeIdle(), late]);
    patience.abort();
  }

  async #write(block: OpenBlock): Promise<void> {
    const { journal, onWritten } = this.#options;
    await block.full.promise;
    if (this.#open !== block) return; // an earlier block failed, and this one with it

    this.#sealed = block;
    this.#open = undefined;
    try {
      const rows = this.#rowsOf(block);
      const written = await journal.append({ rows, taken: block.taken });
      block.safe.resolve(undefined);
      onWritten({ block: written, rows });
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#sealed = undefined;
    }
  }

  #rowsOf({ tables }: OpenBlock): Rows {
    const { packing } = this.#options;
    const filled = Object.entries(tables) as [TableName, { sink: Sink; rows: number }][];
    const packed = filled.map(([table, { sink, rows }]) => {
      const bytes = sink.bytes.subarray(0, sink.length);
      return [table, packing.open(table, { columns: packing.tables[table].length, length: rows, bytes })];
    });
    return Object.fromEntries(packed) as Rows;
  }

  /**
   * What waits behind a block that failed may hold a duplicate of its rows, so it is not acknowledged either:
   * the senders send all of it again.
   */
  #fail(error: unknown): void {
    const reason = (error as Error).message;
    const failed = new OperatorError('hub.journal_unwritable', { reason }, { cause: error });
    for (const block of [this.#sealed, this.#open]) {
      block?.full.resolve(undefined);
      block?.safe.reject(failed);
    }
    this.#open = undefined;
  }

  /** Writes what is there without waiting for more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#open?.full.resolve(undefined);
    await this.#writing;
  }
}
