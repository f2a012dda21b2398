/** Reading the log in order, a bounded piece at a time, from the disk. */

import { open } from 'node:fs/promises';
import type { NumberedRecord, SondeRecord } from '../../../model/record.ts';
import type { Position } from './cursor.ts';
import { claimedBytes, decodeLines, entryAt, entryLimits, nextEntry, type Entry } from './entry.ts';
import type { Segment } from './segment.ts';

export const readLimits = {
  /** What is read of a segment at once, unless one entry is longer. */
  bytesMax: 512 * 1024,
  /** Records after which a batch takes no further entry. */
  recordsMax: entryLimits.recordsMax,
} as const;

interface Step {
  readonly count: number;
  readonly next: Position;
}

export interface Batch {
  readonly records: readonly NumberedRecord[];
  /** It has the end of a window in it. */
  readonly endsWindow: boolean;
  /** Records that damage took before or within it. */
  readonly damaged: number;
  readonly start: Position;
  /** One for each entry: how many records it gave, and where the next one starts. */
  readonly steps: readonly Step[];
}

export function startOf({ id, sequence }: Segment): Position {
  return { segment: id, offset: 0, records: 0, sequence };
}

export function endOf(batch: Batch): Position {
  return batch.steps.at(-1)?.next ?? batch.start;
}

/** The position behind the first `settled` records of a batch. */
export function positionAfter(batch: Batch, settled: number): Position {
  let at = batch.start;
  let left = settled;
  for (const { count, next } of batch.steps) {
    if (left < count) return { ...at, records: at.records + left, sequence: next.sequence - count + left };
    left -= count;
    at = next;
  }
  return at;
}

async function readBytes(path: string, from: number, length: number): Promise<Buffer> {
  await using file = await open(path, 'r');
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, from + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}

interface Piece {
  readonly bytes: Buffer;
  /** Where in the segment it starts. */
  readonly offset: number;
}

/** A piece of the segment that starts with a whole entry at `offset` or behind it; undefined if none is left. */
async function readPiece({ path, bytes: size }: Segment, offset: number): Promise<Piece | undefined> {
  const rest = size - offset;
  let bytes = await readBytes(path, offset, Math.min(rest, readLimits.bytesMax));
  const claimed = claimedBytes(bytes, 0);
  if (claimed !== undefined && claimed > bytes.length && claimed <= rest)
    bytes = await readBytes(path, offset, claimed);
  if (entryAt(bytes, 0)) return { bytes, offset };
  bytes = await readBytes(path, offset, rest); // damage: the next whole entry is somewhere in the rest
  const next = nextEntry(bytes, 1);
  return next < 0 ? undefined : { bytes: bytes.subarray(next), offset: offset + next };
}

/** The records of an entry, with their sequences; undefined where its text is not what was written. */
async function decodeRecords(entry: Entry): Promise<NumberedRecord[] | undefined> {
  try {
    const lines = (await decodeLines(entry)) as SondeRecord[];
    const records = entry.kind === 'commit' ? lines.slice(1) : lines;
    return records.map((record, i) => ({ ...record, 'record.sequence': entry.sequence + i }));
  } catch {
    return undefined;
  }
}

/** The place that a read has come to, and what it has gathered on its way. */
interface Walk {
  at: Position;
  readonly records: NumberedRecord[];
  readonly steps: Step[];
  endsWindow: boolean;
  damaged: number;
}

function step(walk: Walk, fresh: readonly NumberedRecord[], next: Position): void {
  walk.records.push(...fresh);
  walk.steps.push({ count: fresh.length, next });
  walk.at = next;
}

/** Takes the whole entries of a piece. Returns false when the batch is full. */
async function take(walk: Walk, { bytes, offset }: Piece): Promise<boolean> {
  for (let place = 0; ;) {
    const entry = entryAt(bytes, place);
    if (!entry) return true;
    if (walk.records.length > 0 && walk.records.length + entry.count > readLimits.recordsMax) return false;
    const { at } = walk;
    const decoded = await decodeRecords(entry);
    const fresh = decoded?.slice(Math.max(0, at.sequence - entry.sequence)) ?? [];
    walk.damaged += Math.max(0, entry.sequence - at.sequence) + (decoded ? 0 : entry.count);
    walk.endsWindow ||= entry.kind === 'commit';
    place = entry.end;
    step(walk, fresh, {
      segment: at.segment,
      offset: offset + place,
      records: at.records + fresh.length,
      sequence: entry.sequence + entry.count,
    });
  }
}

/** Reads on from `from`. Undefined when nothing is left to read. Throws what the disk throws. */
export async function readBatch(
  segments: () => readonly Segment[],
  from: Position,
): Promise<Batch | undefined> {
  const walk: Walk = { at: from, records: [], steps: [], endsWindow: false, damaged: 0 };
  for (;;) {
    const segment = segments().find(({ id }) => id >= walk.at.segment);
    if (!segment) break;
    if (segment.id !== walk.at.segment) step(walk, [], startOf(segment)); // its own is no longer kept
    const { offset } = walk.at;
    const piece = offset < segment.bytes ? await readPiece(segment, offset) : undefined;
    if (piece) {
      if (!(await take(walk, piece))) break;
      continue;
    }
    const next = segments().find(({ id }) => id > segment.id);
    if (!next) break;
    walk.damaged += segment.tailLost;
    step(walk, [], startOf(next));
  }
  const { records, steps, endsWindow, damaged } = walk;
  return steps.length === 0 ? undefined : { records, steps, endsWindow, damaged, start: from };
}
