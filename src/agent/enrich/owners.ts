/**
 * Whose socket: from the kernel's owner number to the process labels.
 *
 * Owns the labels by owner number, as many as the kernel has places, and of numbers that were taken back the
 * newest `retiredMax`: a number means one owner for good. An owner is looked up in /proc once, as soon as it
 * is met; a process that is gone by then keeps the path that the kernel programs copied.
 */

import type { Owner } from '../../model/observation.ts';
import { ownWorkload, unknownLabel, type ProcessLabels } from '../../model/record.ts';
import { executablePath } from './executable.ts';
import { findOwnProcesses, isOwn, type OwnProcesses } from './own.ts';

export interface OwnerTable {
  /** Looks up the owners met since the last call. Cheap when there are none. */
  refresh(): void;
  labels(id: number): ProcessLabels;
  /** Behind a window: if places are short, takes back the numbers that were longest unused. */
  recycle(window: number): Promise<void>;
}

export interface OwnerSource {
  read(id: number): Owner | undefined;
  readonly numbers: {
    /** Numbers that became somebody's since the last call; at first, all. */
    met(): readonly number[];
    known(): readonly number[];
    /** How many more places should be free. */
    lacking(): number;
    mend(): Promise<void>;
    retire(ids: readonly number[]): Promise<void>;
  };
}

export const ownerLimits = {
  /** Numbers taken back whose labels are still known: of sockets that no sweep sees. */
  retiredMax: 16_384,
  /** A number in use is met by each window's sweep, or was by the connections of the last. */
  idleWindowsMin: 2,
} as const;

const nobody: ProcessLabels = { 'process.name': unknownLabel };

/** What a runtime calls the main thread of every program (Node 24): the executable says more. */
const runtimeNames: ReadonlySet<string> = new Set(['MainThread']);

/** Exported for a test. */
export function labelsOf(owner: Owner, own: OwnProcesses): ProcessLabels {
  const path = executablePath(owner);
  const base = path?.slice(path.lastIndexOf('/') + 1);
  return {
    'process.name': (runtimeNames.has(owner.name) ? base : owner.name) || base || owner.name || unknownLabel,
    ...(path === undefined ? {} : { 'process.executable.path': path }),
    'user.id': owner.uid,
    ...(isOwn(owner, own) ? { 'workload.name': ownWorkload } : {}),
  };
}

/** Those unused for longest first; none that the last window knew. */
function longestUnused(source: OwnerSource, window: number): number[] {
  const owners = source.numbers.known().map((id) => source.read(id));
  return owners
    .filter((owner) => owner !== undefined)
    .filter(({ usedInWindow }) => window - usedInWindow >= ownerLimits.idleWindowsMin)
    .sort((a, b) => a.usedInWindow - b.usedInWindow)
    .map(({ id }) => id);
}

export function openOwners(source: OwnerSource, own: OwnProcesses = findOwnProcesses()): OwnerTable {
  const { numbers } = source;
  const table = new Map<number, ProcessLabels>([[0, nobody]]);
  /** A map keeps the order in which they came: the first are the oldest. */
  const retired = new Map<number, ProcessLabels>();

  function lookUp(id: number): ProcessLabels {
    const known = table.get(id) ?? retired.get(id);
    if (known) return known;
    const owner = source.read(id);
    if (!owner) return nobody; // the kernel is still writing it, or it was taken back before our time
    const labels = labelsOf(owner, own);
    table.set(id, labels);
    return labels;
  }

  function remember(id: number): void {
    retired.set(id, lookUp(id));
    table.delete(id);
    const [oldest] = retired.keys();
    if (retired.size > ownerLimits.retiredMax && oldest !== undefined) retired.delete(oldest);
  }

  return {
    refresh() {
      for (const id of numbers.met()) lookUp(id);
    },
    labels: lookUp,
    async recycle(window) {
      if (numbers.lacking() === 0) return;
      await numbers.mend();
      const idle = longestUnused(source, window).slice(0, numbers.lacking());
      for (const id of idle) remember(id);
      await numbers.retire(idle);
    },
  };
}
