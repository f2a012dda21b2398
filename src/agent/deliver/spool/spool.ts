/**
 * The spool: one append-only log of records that all exporters read, each at its own pace.
 *
 * Owns SONDE_STATE/agent/INSTANCE/spool/: segment files and one cursor per exporter. Gives every record its
 * sequence. Bounded by `bytesMax` (and one window): beyond it the oldest segment goes, and what an exporter
 * had not read of it is counted as lost. Must never show a window before it is durable, and never give a
 * sequence twice.
 */

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../../lib/clock.ts';
import { syncFolder } from '../../../lib/folders.ts';
import type { SondeRecord } from '../../../model/record.ts';
import { readCursor, writeCursor, type Position } from './cursor.ts';
import { encodeEntry, entryLimits, type EntryKind } from './entry.ts';
import { endOf, positionAfter, readBatch, startOf, type Batch } from './reader.ts';
import { recover, type Recovered, type Resumed } from './recover.ts';
import { newSegment, type Segment } from './segment.ts';

export interface SpoolOptions {
  readonly folder: string;
  readonly bootId: string;
  readonly bytesMax: number;
  /** Names of the exporters that read. Cursors of others are forgotten. */
  readonly readers: readonly string[];
  readonly clock: Clock;
}

/**
 * Segments go as a whole: with eight of them, the bound is kept to an eighth. A start reads each of them into
 * memory, and Node no file of 2 GiB.
 */
export const segmentLimits = { perSpool: 8, bytesMax: 64 << 20 } as const;

/** Where an exporter is. `claimed` is ahead of `settled` while a batch is under way. */
interface Reader {
  readonly path: string;
  settled: Position;
  claimed: Position;
  lost: Lost;
}

/** Records that a reader will never get: dropped for room, or damaged on the disk. */
export interface Lost {
  readonly dropped: number;
  readonly damaged: number;
}

export interface Backlog {
  readonly records: number;
  readonly bytes: number;
}

async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
  }
}

/**
 * The spool's folder and those above it, up to the one of all state, which other users pass through. One by
 * one: Node's recursive mkdir does not end in a file system that refuses.
 */
function makeFolders(spool: string): void {
  const instance = dirname(spool);
  const agents = dirname(instance);
  for (const [path, mode] of [
    [dirname(agents), 0o755],
    [agents, 0o755],
    [instance, 0o700],
    [spool, 0o700],
  ] as const) {
    if (!existsSync(path)) mkdirSync(path, mode);
  }
}

/** By reader; undefined for one that cannot be read. */
type Cursors = ReadonlyMap<string, Position | undefined>;

export class Spool {
  readonly #options: SpoolOptions;
  readonly #readers = new Map<string, Reader>();
  #segments: Segment[];
  #active: Segment | undefined;
  #file: FileHandle | undefined;
  #nextNumber: number;
  #nextSequence: number;
  #resumed: Resumed | undefined;
  #resumedIn: Segment | undefined;
  /** The append under way: they come one after the other. */
  #appending: Promise<unknown> = Promise.resolve();
  #grown = Promise.withResolvers<undefined>();
  /** What a torn tail cost when it was opened. */
  readonly cutBytes: number;
  /** Readers whose cursor could not be read: they start at the oldest record. */
  readonly astray: readonly string[];

  private constructor(options: SpoolOptions, found: Recovered, cursors: Cursors) {
    this.#options = options;
    this.#segments = [...found.segments];
    this.#active = found.open;
    this.#nextNumber = found.nextNumber;
    this.#nextSequence = found.nextSequence;
    this.#resumed = found.resumed;
    this.#resumedIn = found.resumedIn;
    this.cutBytes = found.cutBytes;
    this.astray = options.readers.filter((name) => cursors.has(name) && !cursors.get(name));
    const oldest = found.segments[0];
    const beginning = oldest
      ? startOf(oldest)
      : { segment: found.nextNumber, offset: 0, records: 0, sequence: found.nextSequence };
    for (const name of options.readers) {
      const settled = cursors.get(name) ?? beginning;
      const path = join(options.folder, `${name}.cursor`);
      this.#readers.set(name, { path, settled, claimed: settled, lost: { dropped: 0, damaged: 0 } });
    }
  }

  /** Opens or makes the log, and brings it into order. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const { folder, bootId, clock } = options;
    makeFolders(folder);
    const cursors = new Map<string, Position | undefined>();
    for (const name of readdirSync(folder)) {
      const reader = /^(.+)\.cursor$/.exec(name)?.[1];
      if (reader === undefined) continue;
      const cursor = readCursor(join(folder, name));
      cursors.set(reader, cursor);
      if (!options.readers.includes(reader)) rmSync(join(folder, name));
    }
    const known = [...cursors.values()].filter((at) => at !== undefined);
    const found = await recover({
      folder,
      bootId,
      freshSequence: Math.floor(clock.wallMs() * 1000),
      takenSequence: Math.max(0, ...known.map(({ sequence }) => sequence)),
      // Where the segment that a cursor is in was lost, its number must not name another.
      takenNumber: Math.max(0, ...known.map((at) => at.segment + (at.offset > 0 ? 1 : 0))),
    });
    return new Spool(options, found, cursors);
  }

  /** The newest whole window of this boot, also when all of it was delivered long ago. */
  get resumed(): Resumed | undefined {
    return this.#resumed;
  }

  /** Bytes of all segments. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Appends single records. They survive kill -9; a power cut may take the last ones. */
  async append(records: readonly SondeRecord[]): Promise<void> {
    await this.#inTurn(() => this.#write([...chunks('events', records)], { sync: false }));
  }

  /** Appends a window as a whole. When this resolves it is on the disk. */
  async commit(records: readonly SondeRecord[], closing: SondeRecord, resume: Resumed): Promise<void> {
    await this.#inTurn(async () => {
      const end: Chunk = { kind: 'commit', lines: [resume, closing], count: 1 };
      await this.#write([...chunks('rows', records), end], { sync: true });
      [this.#resumed, this.#resumedIn] = [resume, this.#active];
    });
  }

  #inTurn(append: () => Promise<void>): Promise<void> {
    const done = this.#appending.then(append);
    this.#appending = done.catch(() => undefined); // whoever asked is told; the next one still has its turn
    return done;
  }

  async #write(parts: readonly Chunk[], { sync }: { sync: boolean }): Promise<void> {
    const { segment, file } = await this.#openSegment();
    let [at, records] = [segment.bytes, 0];
    let number = this.#nextNumber;
    try {
      for (const { kind, lines, count } of parts) {
        const head = { kind, number: number++, sequence: this.#nextSequence + records, count };
        const entry = await encodeEntry(head, lines);
        await writeAll(file, entry, at);
        at += entry.length;
        records += count;
      }
      if (sync) await file.datasync();
    } catch (error) {
      await this.#giveUpSegment(records);
      throw error;
    }
    segment.bytes = at;
    segment.records += records;
    this.#nextNumber = number;
    this.#nextSequence += records;
    await this.#retain();
    this.#grown.resolve(undefined);
    this.#grown = Promise.withResolvers();
  }

  /** The segment to add to: a new one when there is none, or it has its size. */
  async #openSegment(): Promise<{ segment: Segment; file: FileHandle }> {
    const { folder, bootId, bytesMax } = this.#options;
    const full = Math.min(bytesMax / segmentLimits.perSpool, segmentLimits.bytesMax);
    if (this.#active && this.#active.bytes >= full) {
      // Whoever finds what comes in the next segment must find what is in this one.
      this.#file ??= await open(this.#active.path, 'r+');
      await this.#file.datasync();
      await this.#closeSegment();
    }
    if (this.#active) {
      this.#file ??= await open(this.#active.path, 'r+');
      return { segment: this.#active, file: this.#file };
    }
    const segment = newSegment(folder, { id: this.#nextNumber, sequence: this.#nextSequence, bootId });
    const file = await open(segment.path, 'w', 0o600);
    [this.#active, this.#file] = [segment, file];
    this.#segments.push(segment);
    await syncFolder(folder);
    return { segment, file };
  }

  async #closeSegment(): Promise<void> {
    const file = this.#file;
    [this.#active, this.#file] = [undefined, undefined];
    await file?.close();
  }

  /**
   * A write failed: the segment ends where it was before. What lies behind that on the disk nobody reads, and
   * its sequences are not given again.
   */
  async #giveUpSegment(records: number): Promise<void> {
    this.#nextSequence += records + entryLimits.recordsMax;
    const [segment, file] = [this.#active, this.#file];
    [this.#active, this.#file] = [undefined, undefined];
    if (segment?.bytes === 0) this.#segments = this.#segments.filter((other) => other !== segment);
    // A full disk can still be cut. A broken one says again what the write said already.
    await file?.truncate(segment?.bytes ?? 0).catch(() => undefined);
    await file?.close().catch(() => undefined);
    if (segment?.bytes === 0) await rm(segment.path, { force: true });
  }

  /** Removes what everybody has, and then the oldest that is too much. */
  async #retain(): Promise<void> {
    const kept = new Set([this.#active, this.#resumedIn]);
    const readers = [...this.#readers.values()];
    const passed = ({ id, bytes }: Segment) =>
      readers.every(
        ({ settled }) => settled.segment > id || (settled.segment === id && settled.offset >= bytes),
      );
    let { bytes } = this;
    for (const segment of this.#segments) {
      if (kept.has(segment)) continue;
      if (!passed(segment)) {
        if (bytes <= this.#options.bytesMax) break; // whoever has not passed this one has not passed the next
        for (const reader of readers) {
          const { dropped, damaged } = reader.lost;
          reader.lost = { dropped: dropped + unread(segment, reader), damaged };
        }
      }
      bytes -= segment.bytes;
      this.#segments = this.#segments.filter((other) => other !== segment);
      await rm(segment.path, { force: true });
    }
  }

  /** The next records for a reader; waits until there are some. Undefined when the signal ends the waiting. */
  async next(name: string, signal: AbortSignal): Promise<Batch | undefined> {
    const reader = this.#reader(name);
    for (;;) {
      const grown = this.#grown.promise;
      const { dropped, damaged } = reader.lost;
      const batch = await this.#readOn(reader);
      if (dropped !== reader.lost.dropped) continue; // some of it went, and was counted, while it was read
      if (batch) {
        reader.claimed = endOf(batch);
        reader.lost = { dropped, damaged: damaged + batch.damaged };
        return batch;
      }
      if (signal.aborted) return undefined;
      await untilAborted(grown, signal);
    }
  }

  async #readOn(reader: Reader): Promise<Batch | undefined> {
    const before = this.#segments;
    try {
      return await readBatch(() => this.#segments, reader.settled);
    } catch (error) {
      if (this.#segments === before) throw error;
      return readBatch(() => this.#segments, reader.settled); // a segment went while it was read
    }
  }

  /** The first `count` records of the batch are done with, and are not read again, nor after kill -9. */
  async settle(name: string, batch: Batch, count: number): Promise<void> {
    const reader = this.#reader(name);
    reader.settled = positionAfter(batch, count);
    await writeCursor(reader.path, reader.settled, { sync: batch.endsWindow });
    await this.#inTurn(() => this.#retain());
  }

  /** What a reader has before it. */
  backlog(name: string): Backlog {
    const { settled } = this.#reader(name);
    let [records, bytes] = [0, 0];
    for (const segment of this.#segments) {
      if (segment.id < settled.segment) continue;
      const here = segment.id === settled.segment ? settled : startOf(segment);
      records += Math.max(0, segment.records - here.records);
      bytes += Math.max(0, segment.bytes - here.offset);
    }
    return { records, bytes };
  }

  /** Since it was opened. */
  lost(name: string): Lost {
    return this.#reader(name).lost;
  }

  #reader(name: string): Reader {
    const reader = this.#readers.get(name);
    if (!reader) throw new Error(`nobody reads as ${name}`);
    return reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inTurn(() => this.#closeSegment());
  }
}

interface Chunk {
  readonly kind: EntryKind;
  readonly lines: readonly unknown[];
  readonly count: number;
}

function* chunks(kind: EntryKind, records: readonly SondeRecord[]): Generator<Chunk> {
  for (let i = 0; i < records.length; i += entryLimits.recordsMax) {
    const lines = records.slice(i, i + entryLimits.recordsMax);
    yield { kind, lines, count: lines.length };
  }
}

/** Records of a segment that a reader has neither settled nor in its hands. */
function unread(segment: Segment, { claimed }: Reader): number {
  if (claimed.segment > segment.id) return 0;
  return segment.records - (claimed.segment === segment.id ? claimed.records : 0);
}

async function untilAborted(event: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = () => {
    aborted.resolve(undefined);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  await Promise.race([event, aborted.promise]);
  signal.removeEventListener('abort', onAbort);
}
