/** Segments: the files of the log, oldest first, and what is found in one when it is read from end to end. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entryAt, nextEntry, type Entry } from './entry.ts';

export interface Segment {
  /** Number of its first entry: names it. */
  readonly id: number;
  /** record.sequence of its first record, in this boot. Within a segment they have no gaps. */
  readonly sequence: number;
  readonly bootId: string;
  readonly path: string;
  /** As far as readers may read: behind the last whole window or event. */
  bytes: number;
  /** Records in it, as far as that. */
  records: number;
  /** Records that damage took at its end: nothing behind them is left in this segment to count them by. */
  tailLost: number;
}

const shape = /^(\d{16})-(\d{16})-([0-9a-z-]{1,64})\.log$/;

export function newSegment(folder: string, name: Pick<Segment, 'id' | 'sequence' | 'bootId'>): Segment {
  const [id, sequence] = [name.id, name.sequence].map((number) => String(number).padStart(16, '0'));
  const path = join(folder, `${id ?? ''}-${sequence ?? ''}-${name.bootId}.log`);
  return { ...name, path, bytes: 0, records: 0, tailLost: 0 };
}

/** Those that are there, in the order of their entries; nothing is known yet of what is in them. */
export function listSegments(folder: string): Segment[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const [, id, sequence, bootId] = shape.exec(name) ?? [];
      if (bootId === undefined) return [];
      return [newSegment(folder, { id: Number(id), sequence: Number(sequence), bootId })];
    });
}

export interface Scan {
  readonly size: number;
  /** Behind the last entry that ends something whole: an event or a window. */
  readonly committedBytes: number;
  /** Records of whole entries up to there, and what comes next by the last of them. */
  readonly records: number;
  readonly nextNumber: number;
  readonly nextSequence: number;
  readonly lastCommit: Entry | undefined;
}

/** Reads a whole segment; what is damaged is passed over. */
export function scanSegment({ path, id, sequence }: Segment): Scan {
  const bytes = readFileSync(path);
  let scan = { committedBytes: 0, records: 0, nextNumber: id, nextSequence: sequence };
  let lastCommit: Entry | undefined;
  let records = 0;
  for (let at = 0; at >= 0 && at < bytes.length;) {
    const entry = entryAt(bytes, at);
    if (!entry) {
      at = nextEntry(bytes, at + 1);
      continue;
    }
    at = entry.end;
    records += entry.count;
    if (entry.kind === 'rows') continue;
    if (entry.kind === 'commit') lastCommit = entry;
    scan = {
      committedBytes: at,
      records,
      nextNumber: entry.number + 1,
      nextSequence: entry.sequence + entry.count,
    };
  }
  return { size: bytes.length, ...scan, lastCommit };
}
