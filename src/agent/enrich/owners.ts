/**
 * Whose socket: from the kernel's owner number to the process labels.
 *
 * Owns a table by owner number, as large as the kernel's (OWNERS_MAX) and never shrunk: a number means one
 * owner for as long as the programs are loaded. An owner is looked up in /proc once, as soon as it is met; a
 * process that is gone by then keeps the path that the kernel programs copied.
 */

import { readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Owner } from '../../model/observation.ts';
import { ownWorkload, unknownLabel, type ProcessLabels } from '../../model/record.ts';
import { findOwnProcesses, isOwn, type OwnProcesses } from './own.ts';

export interface OwnerTable {
  /** Looks up the owners met since the last call. Cheap when there are none. */
  refresh(): void;
  labels(id: number): ProcessLabels;
}

export interface OwnerSource {
  used(): number;
  read(id: number): Owner | undefined;
}

const nobody: ProcessLabels = { 'process.name': unknownLabel };

/** The executable as its own mount namespace names it, if that process still runs this very file. */
function procPath(owner: Owner): string | undefined {
  const link = `/proc/${String(owner.pid)}/exe`;
  try {
    if (statSync(link).ino !== owner.exeInode) return undefined;
    return readlinkSync(link).replace(/ \(deleted\)$/, '');
  } catch {
    return undefined; // it has ended: the kernel's copy of the path is what there is
  }
}

/** mountinfo writes blanks and backslashes as three octal digits. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** Where a file system is mounted, by the kernel's device number (20 bits of minor). */
function mountPoint(device: number): string {
  const wanted = `${String(device >>> 20)}:${String(device & 0xfffff)}`;
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [, , deviceOf, root, point] = line.split(' ');
    if (deviceOf === wanted && root === '/' && point) return point === '/' ? '' : unescapeMount(point);
  }
  return '';
}

function executablePath(owner: Owner): string | undefined {
  if (owner.exeInode === 0) return undefined;
  return procPath(owner) ?? (owner.kernelPath && mountPoint(owner.exeDevice) + owner.kernelPath);
}

/** What a runtime calls the main thread of every program (Node 24): the executable says more. */
const runtimeNames: ReadonlySet<string> = new Set(['MainThread']);

function labelsOf(owner: Owner, own: OwnProcesses): ProcessLabels {
  const path = executablePath(owner);
  const base = path?.slice(path.lastIndexOf('/') + 1);
  return {
    'process.name': (runtimeNames.has(owner.name) ? base : owner.name) || base || owner.name || unknownLabel,
    ...(path === undefined ? {} : { 'process.executable.path': path }),
    'user.id': owner.uid,
    ...(isOwn(owner, own) ? { 'workload.name': ownWorkload } : {}),
  };
}

export function openOwners(source: OwnerSource, own: OwnProcesses = findOwnProcesses()): OwnerTable {
  const table: ProcessLabels[] = [nobody];

  function lookUp(id: number): ProcessLabels {
    const known = table[id];
    if (known) return known;
    const owner = source.read(id);
    if (!owner) return nobody; // the kernel is still writing it
    return (table[id] = labelsOf(owner, own));
  }

  return {
    refresh() {
      for (let id = table.length; id <= source.used(); id++) lookUp(id);
    },
    labels: lookUp,
  };
}
