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
import type { Row, TableName } from '../../model/block.ts';
import { busy } from './busy.ts';
import type { Journal, JournalBlock, Rows } from './journal.ts';
import { sourceOf } from './ledger.ts';
import { addRange, hasNumber, type Ranges } from './ranges.ts';
import type { TableRow } from '../../model/row/rows.ts';

export interface BlockLimits {
  readonly rowsMax: number;
  /**
   * What the texts of a block come to. In JSON a character can become six, and a string ends at 512 MiB.
   * A long text of a resource is in every row of its records: this can be far more than the requests were.
   */
  readonly bytesMax: number;
  /** How long a block waits for more; what an acknowledgement takes at least. */
  readonly waitMsMax: number;
  /** The same while others wait for the store: a few large blocks are far less work for it than many small. */
  readonly waitBehindMsMax: number;
}

export const blockLimits: BlockLimits = {
  rowsMax: 30_000,
  bytesMax: 64 << 20,
  waitMsMax: 100,
  waitBehindMsMax: 1000,
};

/** A block in memory: nobody was told yet that it is safe. */
interface OpenBlock {
  readonly rows: Partial<Record<TableName, Row[]>>;
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
  readonly rowCount: number;
}

export interface BlockWriterOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly limits?: BlockLimits;
  /** Blocks wait for the store. */
  readonly isBehind?: () => boolean;
  /** Called once per block, in order. */
  readonly onWritten: (written: WrittenBlock) => void;
}

const numberBytes = 8;

export type Fate = 'new' | 'duplicate' | 'beyond';

export interface Admission {
  /** What becomes of each row, in their order. */
  readonly fates: readonly Fate[];
  /** Resolves when all of it is on disk; rejects with hub.journal_unwritable when none of what is new is. */
  readonly safe: Promise<void>;
}

/** Of a cell's texts; what else there is counts as a number does. */
function bytesOf(cell: unknown): number {
  if (typeof cell === 'string') return cell.length;
  if (typeof cell !== 'object' || cell === null) return numberBytes;
  let bytes = 0;
  for (const [key, value] of Object.entries(cell))
    bytes += bytesOf(value) + (Array.isArray(cell) ? 0 : key.length);
  return bytes;
}

function openBlock(): OpenBlock {
  const block = {
    rows: {},
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
    this.#options = { limits: blockLimits, isBehind: () => false, ...options };
  }

  /**
   * Takes rows of one request, all into the same block. Throws request.too_large when no block can hold them,
   * and hub.busy when only the one that is being filled cannot.
   */
  admit(rows: readonly TableRow[]): Admission {
    this.#makeRoom(rows.reduce((sum, { row }) => sum + bytesOf(row), 0));
    const fates = rows.map((row) => this.#admitRow(row));
    const last = this.#open ?? this.#sealed;
    return { fates, safe: last ? last.safe.promise : Promise.resolve() };
  }

  /** Duplicates count too: they are few, or the request is small. */
  #makeRoom(bytes: number): void {
    const { bytesMax } = this.#options.limits;
    if (bytes > bytesMax) {
      const what = 'with what its records have in common written out';
      throw new OperatorError('request.too_large', { max: formatBytes(bytesMax), what, limit: 'fixed' });
    }
    const filled = this.#open?.bytes ?? 0;
    if (filled + bytes > bytesMax) {
      this.#open?.full.resolve(undefined);
      throw busy(`${formatBytes(filled)} wait to be written to the journal`);
    }
  }

  #admitRow({ table, row, identity }: TableRow): Fate {
    const source = sourceOf(identity);
    const { sequence } = identity;
    const known = this.#options.journal.ledger.look(source, sequence);
    if (known === 'beyond') return 'beyond';
    const isTaken = [this.#sealed, this.#open].some((pending) => {
      const ranges = pending?.taken.get(source);
      return ranges !== undefined && hasNumber(ranges, sequence);
    });
    if (known === 'taken' || isTaken) return 'duplicate';

    const block = (this.#open ??= this.#begin());
    (block.rows[table] ??= []).push(row);
    block.rowCount++;
    block.bytes += bytesOf(row);
    let ranges = block.taken.get(source);
    if (!ranges) block.taken.set(source, (ranges = []));
    addRange(ranges, [sequence, sequence]);
    if (block.rowCount >= this.#options.limits.rowsMax || this.#isClosing) block.full.resolve(undefined);
    return 'new';
  }

  #begin(): OpenBlock {
    const block = openBlock();
    const { clock, limits, isBehind } = this.#options;
    const waitMs = isBehind() ? limits.waitBehindMsMax : limits.waitMsMax;
    void clock.sleep(waitMs).then(() => block.full.resolve(undefined));
    this.#writing = this.#writing.then(() => this.#write(block));
    return block;
  }

  async #write(block: OpenBlock): Promise<void> {
    const { journal, onWritten } = this.#options;
    await block.full.promise;
    if (this.#open !== block) return; // an earlier block failed, and this one with it

    this.#sealed = block;
    this.#open = undefined;
    try {
      const { rows, rowCount } = block;
      const written = await journal.append({ rows, taken: block.taken });
      block.safe.resolve(undefined);
      onWritten({ block: written, rows, rowCount });
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#sealed = undefined;
    }
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
