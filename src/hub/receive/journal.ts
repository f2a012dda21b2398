/**
 * The journal: blocks of rows that are acknowledged and not yet stored, and the ledger of what was taken.
 *
 * Owns `folder`: segments 0000000001.log, 0000000002.log … Every segment begins with a checkpoint, so the
 * oldest one can go once the store has all of its blocks. The caller bounds it (`pendingBytes`). It must
 * never say that a block is safe before fdatasync did.
 */

import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { isOperatorError, OperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { PackedRows, StoreBlock, TableName } from '../../model/block.ts';
import type { Packing, PlainRows } from '../../model/row/packing.ts';
import { entryKinds, type Entry } from './entry.ts';
import { createLedger, ledgerLimits, type Ledger, type LedgerSnapshot, type Taken } from './ledger.ts';
import type { Ranges } from './ranges.ts';
import { lockFolder } from './lock.ts';
import { DamagedEntry, readEntry, scanSegment, Segment, type Place } from './segment.ts';

export interface JournalOptions {
  readonly folder: string;
  readonly packing: Packing;
  readonly log: Log;
  /** A segment that has grown beyond it is the last but one. */
  readonly segmentBytesMax?: number;
}

export type Rows = StoreBlock['rows'];

/** A block that is safe on disk. Its rows are read back with `read`. */
export interface JournalBlock extends Place {
  readonly number: number;
  readonly segment: number;
}

interface Checkpoint {
  /** Of this journal: block ids of two journals differ. */
  readonly journal: string;
  readonly stored: number;
  readonly next: number;
  readonly ledger: LedgerSnapshot;
}

type TakenList = readonly (readonly [source: string, ranges: Ranges])[];

/** Before the rows of a block. */
interface BlockHead {
  readonly taken: TakenList;
  readonly tables: readonly {
    readonly table: TableName;
    readonly columns: number;
    readonly length: number;
    /** Of the rows, compressed: they come behind this, in the same order. */
    readonly bytes: number;
  }[];
}

const segmentBytesDefault = 16 << 20;
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const lengthBytes = 4;
/** Each chunk is a turn of a thread. */
const large = { chunkSize: 1 << 20 };
const fast = { ...large, params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Length of the head, the head as JSON, then the rows: a start reads what was taken, not the rows. */
async function encodePayload({ rows, taken }: { rows: Rows; taken: Taken }): Promise<Buffer> {
  const filled = Object.entries(rows) as [TableName, PackedRows][];
  const bodies = await Promise.all(filled.map(([, { bytes }]) => compress(bytes, fast)));
  const tables = filled.map(([table, { columns, length }], n) => {
    return { table, columns, length, bytes: bodies[n]?.length ?? 0 };
  });
  const head = Buffer.from(JSON.stringify({ taken: [...taken], tables } satisfies BlockHead));
  const size = Buffer.alloc(lengthBytes);
  size.writeUInt32LE(head.length);
  return Buffer.concat([size, head, ...bodies]);
}

function readHead(payload: Buffer): unknown {
  const head = payload.subarray(lengthBytes, lengthBytes + payload.readUInt32LE());
  return JSON.parse(head.toString('utf8'));
}

function decodeTaken({ kind, payload }: Entry): TakenList {
  const head = readHead(payload);
  return kind === entryKinds.textBlock ? (head as TakenList) : (head as BlockHead).taken;
}

/** Of an earlier version: rows in JSON. */
async function decodeText(body: Buffer, packing: Packing): Promise<Rows> {
  return packing.packTables(JSON.parse((await decompress(body)).toString('utf8')) as PlainRows);
}

async function decodeRows({ kind, payload }: Entry, packing: Packing): Promise<Rows> {
  let at = lengthBytes + payload.readUInt32LE();
  if (kind === entryKinds.textBlock) return decodeText(payload.subarray(at), packing);
  const rows: Partial<Record<TableName, PackedRows>> = {};
  for (const { table, columns, length, bytes } of (readHead(payload) as BlockHead).tables) {
    const body = await decompress(payload.subarray(at, at + bytes), large);
    rows[table] = packing.open(table, { columns, length, bytes: body });
    at += bytes;
  }
  return rows;
}

function segmentNumbers(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => Number(/^(\d{10})\.log$/.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .sort((a, b) => a - b);
}

/** What was found in the files. */
interface Found {
  journal: string;
  stored: number;
  next: number;
  ledger: Ledger;
  /** Blocks before this one are in no file any more, rightly. */
  first: number | undefined;
  /** The segment read last begins as it should. */
  hasCheckpoint: boolean;
  /** In order. */
  blocks: JournalBlock[];
  readonly segments: number[];
  /** Highest block of each segment. */
  readonly lastBlocks: Map<number, number>;
}

function newFound(): Found {
  return {
    journal: randomUUID(),
    stored: 0,
    next: 1,
    ledger: createLedger(ledgerLimits),
    first: undefined,
    hasCheckpoint: false,
    blocks: [],
    segments: [],
    lastBlocks: new Map(),
  };
}

async function readInto(
  found: Found,
  { entry, place }: { entry: Entry; place: JournalBlock },
): Promise<void> {
  if (entry.kind === entryKinds.stored) {
    found.stored = Math.max(found.stored, entry.number);
    found.next = Math.max(found.next, entry.number + 1); // also where damage took the block itself
  } else if (entry.kind !== entryKinds.checkpoint) {
    found.first ??= entry.number;
    found.ledger.add(new Map(decodeTaken(entry)));
    found.next = Math.max(found.next, entry.number + 1);
    found.blocks.push(place);
    found.lastBlocks.set(place.segment, entry.number);
  } else {
    // The ledger of a checkpoint has all that came before it, also what damage has taken from us.
    const checkpoint = JSON.parse((await decompress(entry.payload)).toString('utf8')) as Checkpoint;
    found.hasCheckpoint = true;
    found.first ??= checkpoint.next;
    found.journal = checkpoint.journal;
    found.stored = Math.max(found.stored, checkpoint.stored);
    found.next = Math.max(found.next, checkpoint.next);
    found.ledger = createLedger(ledgerLimits, checkpoint.ledger);
  }
}

export class Journal {
  readonly ledger: Ledger;
  /** Blocks of earlier runs that the store does not have for sure, in order. */
  readonly unstored: readonly JournalBlock[];
  /** Blocks that were acknowledged and not stored, and that damage has taken: seen by their numbers. */
  readonly damagedBlocks: number;
  readonly #options: Required<JournalOptions>;
  readonly #found: Found;
  readonly #lock: Disposable;
  #active: Segment;
  /** One append at a time. */
  #busy: Promise<unknown> = Promise.resolve();
  readonly #pendingBytes = new Map<number, number>();
  #pendingTotal = 0;

  private constructor(
    options: Required<JournalOptions>,
    { found, active, lock }: { found: Found; active: Segment; lock: Disposable },
  ) {
    this.#options = options;
    this.#lock = lock;
    this.#found = found;
    this.#active = active;
    this.ledger = found.ledger;
    this.unstored = found.blocks.filter(({ number }) => number > found.stored);
    for (const block of this.unstored) this.#addPending(block);
    const { first = found.next, next, stored } = found;
    this.damagedBlocks = next - Math.max(first, stored + 1) - this.unstored.length;
  }

  /**
   * Throws hub.already_running when another hub has the folder, hub.journal_broken when it cannot be used. A
   * torn tail is cut off, damage passed over.
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const all = { segmentBytesMax: segmentBytesDefault, ...options };
    try {
      mkdirSync(all.folder, { recursive: true, mode: 0o700 });
      await using opening = new AsyncDisposableStack();
      const lock = opening.use(lockFolder(all.folder));
      const found = newFound();
      let endOffset = 0;
      const numbers = segmentNumbers(all.folder);
      for (const segment of numbers) endOffset = await readSegment(found, segment, all);
      const last = numbers.at(-1);
      const active = await (last === undefined || !found.hasCheckpoint
        ? createSegment(found, all, (last ?? 0) + 1)
        : Segment.reopen(segmentFile(all.folder, last), endOffset));
      const journal = new Journal(all, { found, active, lock });
      opening.move(); // the journal closes it from here on
      journal.#dropStored();
      return journal;
    } catch (error) {
      if (isOperatorError(error)) throw error;
      const { message: reason } = error as Error;
      throw new OperatorError('hub.journal_broken', { folder: all.folder, reason }, { cause: error });
    }
  }

  /** Bytes of blocks that are acknowledged and not stored. */
  get pendingBytes(): number {
    return this.#pendingTotal;
  }

  get pendingBlocks(): number {
    return this.#pendingBytes.size;
  }

  /** The same after every restart. */
  idOf({ number }: JournalBlock): string {
    return `${this.#found.journal}-${number}`;
  }

  /** Resolves when the block is on disk; then the ledger has it too. Rejects when nothing of it is. */
  append({ rows, taken }: { readonly rows: Rows; readonly taken: Taken }): Promise<JournalBlock> {
    return this.#exclusively(async () => {
      const payload = await encodePayload({ rows, taken });
      if (this.#active.bytes > this.#options.segmentBytesMax) await this.#rotate();
      const number = this.#found.next;
      const place = await this.#active.append({ kind: entryKinds.block, number, payload }, { durable: true });
      this.#found.next++;
      this.ledger.add(taken);
      const segment = this.#found.segments.at(-1) ?? 0;
      this.#found.lastBlocks.set(segment, number);
      const block = { ...place, number, segment };
      this.#addPending(block);
      return block;
    });
  }

  /** Throws DamagedEntry when it is lost. */
  async read(block: JournalBlock): Promise<Rows> {
    const { folder, packing } = this.#options;
    const entry = await readEntry(segmentFile(folder, block.segment), block);
    return await decodeRows(entry, packing).catch((error: unknown) => {
      throw new DamagedEntry(`block ${block.number} cannot be read`, { cause: error });
    });
  }

  /**
   * The store has this block and all before it. Never rejects. Not synced, and on a full disk not written:
   * what is stored is then handed over once more after a crash, and the store knows its id.
   */
  async stored({ number }: JournalBlock): Promise<void> {
    await this.#exclusively(async () => {
      this.#found.stored = Math.max(this.#found.stored, number);
      for (const [pending, bytes] of this.#pendingBytes) {
        if (pending > number) break;
        this.#pendingBytes.delete(pending);
        this.#pendingTotal -= bytes;
      }
      this.#dropStored();
      const mark = { kind: entryKinds.stored, number, payload: Buffer.alloc(0) };
      await this.#active.append(mark, { durable: false }).catch(() => undefined); // the next mark says it too
    });
  }

  #addPending({ number, bytes }: JournalBlock): void {
    this.#pendingBytes.set(number, bytes);
    this.#pendingTotal += bytes;
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work);
    this.#busy = result.catch(() => undefined); // whoever asked is told
    return result;
  }

  async #rotate(): Promise<void> {
    const next = (this.#found.segments.at(-1) ?? 0) + 1;
    const segment = await createSegment(this.#found, this.#options, next);
    await this.#active[Symbol.asyncDispose]();
    this.#active = segment;
    this.#dropStored();
  }

  /** Removes the oldest segments as long as the store has all that is in them. Never the one in use. */
  #dropStored(): void {
    const { segments, lastBlocks, stored } = this.#found;
    while (segments.length > 1) {
      const [oldest = 0] = segments;
      if ((lastBlocks.get(oldest) ?? 0) > stored) return;
      rmSync(segmentFile(this.#options.folder, oldest), { force: true });
      segments.shift();
      lastBlocks.delete(oldest);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusively(() => this.#active[Symbol.asyncDispose]());
    this.#lock[Symbol.dispose]();
  }
}

function segmentFile(folder: string, segment: number): string {
  return join(folder, `${String(segment).padStart(10, '0')}.log`);
}

/** Gives where its sound part ends. */
async function readSegment(found: Found, segment: number, { folder, log }: JournalOptions): Promise<number> {
  const file = segmentFile(folder, segment);
  const { entries, endOffset, leftBytes, damagedBytes } = scanSegment(file);
  if (damagedBytes > 0) log.warn(`${file}: ${damagedBytes} bytes between whole entries are damaged`);
  if (leftBytes > 0) {
    log.warn(`${file}: ${leftBytes} bytes after ${endOffset} are no whole entry (a torn write, or damage)`);
  }
  found.hasCheckpoint = false;
  for (const entry of entries) {
    const { number, offset, bytes } = entry;
    await readInto(found, { entry, place: { number, segment, offset, bytes } });
  }
  found.segments.push(segment);
  return endOffset;
}

/** With its checkpoint, and named in the folder, before anything is promised on it. */
async function createSegment(found: Found, { folder }: JournalOptions, segment: number): Promise<Segment> {
  const file = segmentFile(folder, segment);
  rmSync(file, { force: true }); // of a rotation that failed
  const created = await Segment.create(file);
  const checkpoint: Checkpoint = {
    journal: found.journal,
    stored: found.stored,
    next: found.next,
    ledger: found.ledger.snapshot(),
  };
  try {
    const payload = await compress(JSON.stringify(checkpoint), fast);
    await created.append({ kind: entryKinds.checkpoint, number: found.stored, payload }, { durable: true });
    const directory = await open(folder, 'r');
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    await created[Symbol.asyncDispose]();
    rmSync(file, { force: true });
    throw error;
  }
  found.segments.push(segment);
  return created;
}
