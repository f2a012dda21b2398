/**
 * What is left of the log when an agent starts, after a clean stop, kill -9 or a power cut: a torn tail is
 * cut, damage in the middle stays where it is and readers pass over it.
 */

import { rmSync, truncateSync } from 'node:fs';
import { decodeLines, entryLimits } from './entry.ts';
import { listSegments, scanSegment, type Scan, type Segment } from './segment.ts';

/** What the newest whole window of this boot left for the next agent. */
export interface Resumed {
  readonly number: number;
  readonly bootId: string;
  readonly state: unknown;
}

export interface Recovered {
  readonly segments: readonly Segment[];
  /** The segment that new entries may be added to; none where the sequence must not go on without a gap. */
  readonly open: Segment | undefined;
  readonly nextNumber: number;
  readonly nextSequence: number;
  readonly resumed: Resumed | undefined;
  /** The segment that has it. */
  readonly resumedIn: Segment | undefined;
  /** Bytes of a torn tail. */
  readonly cutBytes: number;
}

export interface RecoverOptions {
  readonly folder: string;
  readonly bootId: string;
  /** A sequence that was certainly never given: wall-clock microseconds. */
  readonly freshSequence: number;
  /** What cursors say was given already. */
  readonly takenSequence: number;
  readonly takenNumber: number;
}

/** Upper bound of what damage took between two segments: entries that are missing, as full as they may be. */
function tailLost(scan: Scan, next: Segment, sameBoot: boolean): number {
  const entries = Math.max(0, next.id - scan.nextNumber);
  const records = sameBoot ? Math.max(0, next.sequence - scan.nextSequence) : entries;
  return Math.min(records, entries * entryLimits.recordsMax);
}

function scanAll(folder: string): { segment: Segment; scan: Scan }[] {
  const scanned = listSegments(folder).map((segment) => ({ segment, scan: scanSegment(segment) }));
  for (const [i, { segment, scan }] of scanned.entries()) {
    segment.bytes = scan.committedBytes;
    segment.records = scan.records;
    const next = scanned[i + 1]?.segment;
    if (next) segment.tailLost = tailLost(scan, next, next.bootId === segment.bootId);
  }
  return scanned;
}

async function resumePoint(scanned: readonly { segment: Segment; scan: Scan }[], bootId: string) {
  const found = scanned.findLast(({ scan, segment }) => scan.lastCommit && segment.bootId === bootId);
  if (!found?.scan.lastCommit) return {};
  const [resumed] = await decodeLines(found.scan.lastCommit);
  return { resumed: resumed as Resumed, resumedIn: found.segment };
}

export async function recover(options: RecoverOptions): Promise<Recovered> {
  const { folder, bootId, freshSequence, takenSequence, takenNumber } = options;
  const scanned = scanAll(folder);
  const last = scanned.at(-1);
  const cutBytes = last ? last.scan.size - last.scan.committedBytes : 0;
  if (last && cutBytes > 0) truncateSync(last.segment.path, last.scan.committedBytes);
  for (const { segment } of scanned) if (segment.bytes === 0) rmSync(segment.path);

  const left = scanned.filter(({ segment }) => segment.bytes > 0);
  const ours = left.filter(({ segment }) => segment.bootId === bootId);
  const lastSequence = Math.max(takenSequence, ...ours.map(({ scan }) => scan.nextSequence));
  const goesOn = last !== undefined && last === ours.at(-1) && cutBytes === 0;
  const nextSequence = goesOn ? lastSequence : Math.max(lastSequence, freshSequence);
  return {
    segments: left.map(({ segment }) => segment),
    open: goesOn && last.scan.nextSequence === nextSequence ? last.segment : undefined,
    nextNumber: Math.max(takenNumber, last?.scan.nextNumber ?? 0),
    nextSequence,
    resumed: undefined,
    resumedIn: undefined,
    ...(await resumePoint(left, bootId)),
    cutBytes,
  };
}
