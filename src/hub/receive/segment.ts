/**
 * One file of the journal: entries one after the other, appended and never changed. An append that fails is
 * taken back, so that what is in the file is what was promised.
 */

import { readFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { decodeEntry, encodeEntry, findEntry, type Entry, type PlacedEntry } from './entry.ts';

export interface Scan {
  readonly entries: readonly PlacedEntry[];
  /** Where the last sound entry ends. */
  readonly endOffset: number;
  /** What comes after it: a torn tail, or damage. */
  readonly leftBytes: number;
  /** Between sound entries: damage. */
  readonly damagedBytes: number;
}

/** Reads a whole segment; what is damaged is passed over. */
export function scanSegment(file: string): Scan {
  const bytes = readFileSync(file);
  const entries: PlacedEntry[] = [];
  let [endOffset, damagedBytes] = [0, 0];
  for (;;) {
    const entry = findEntry(bytes, endOffset);
    if (!entry) return { entries, endOffset, leftBytes: bytes.length - endOffset, damagedBytes };
    damagedBytes += entry.offset - endOffset;
    entries.push(entry);
    endOffset = entry.offset + entry.bytes;
  }
}

export interface Place {
  readonly offset: number;
  readonly bytes: number;
}

/** An entry is not there any more as it was written, and never will be. */
export class DamagedEntry extends Error {
  override readonly name = 'DamagedEntry';
}

/** Reads one entry back. Throws DamagedEntry, and errors of the disk that may pass. */
export async function readEntry(file: string, { offset, bytes }: Place): Promise<PlacedEntry> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw isGone ? new DamagedEntry(`${file} is gone`, { cause: error }) : error;
  });
  try {
    const buffer = Buffer.alloc(bytes);
    await handle.read(buffer, 0, bytes, offset);
    const entry = decodeEntry(buffer, 0);
    if (!entry) throw new DamagedEntry(`${file} is damaged at ${offset}`);
    return entry;
  } finally {
    await handle.close();
  }
}

export class Segment {
  readonly file: string;
  readonly #handle: FileHandle;
  #endOffset: number;
  #isBroken = false;

  constructor(file: string, handle: FileHandle, endOffset: number) {
    this.file = file;
    this.#handle = handle;
    this.#endOffset = endOffset;
  }

  static async create(file: string): Promise<Segment> {
    return new Segment(file, await open(file, 'wx', 0o600), 0);
  }

  /** Goes on after the last sound entry, and cuts off what comes behind it. */
  static async reopen(file: string, endOffset: number): Promise<Segment> {
    const handle = await open(file, 'r+');
    try {
      await handle.truncate(endOffset);
      await handle.datasync();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new Segment(file, handle, endOffset);
  }

  get bytes(): number {
    return this.#endOffset;
  }

  /**
   * Rejects when the entry is not in the file; then it will not be there after a restart either. Once
   * that cannot be promised, every further append rejects.
   */
  async append(entry: Entry, { durable }: { readonly durable: boolean }): Promise<Place> {
    if (this.#isBroken) throw new Error('an earlier write failed and could not be taken back');
    const bytes = encodeEntry(entry);
    const offset = this.#endOffset;
    try {
      await this.#write(bytes, offset);
      if (durable) await this.#handle.datasync();
    } catch (error) {
      await this.#takeBack(offset);
      throw error;
    }
    this.#endOffset = offset + bytes.length;
    return { offset, bytes: bytes.length };
  }

  async #write(bytes: Buffer, offset: number): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        written,
        bytes.length - written,
        offset + written,
      );
      written += bytesWritten;
    }
  }

  async #takeBack(offset: number): Promise<void> {
    try {
      await this.#handle.truncate(offset);
      await this.#handle.datasync();
    } catch {
      this.#isBroken = true; // the append's own error is the one that is told
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
