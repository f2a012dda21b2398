/**
 * Where an owner's executable is: as the process itself names it, or, when that is gone, by the names that
 * the kernel programs copied when they met it.
 */

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Owner } from '../../model/observation.ts';
import { isRunning } from './running.ts';

/** The executable as its own mount namespace names it, if that very process still runs this very file. */
function procPath(owner: Owner): string | undefined {
  const link = `/proc/${String(owner.pid)}/exe`;
  try {
    if (!isRunning(owner) || statSync(link).ino !== owner.exeInode) return undefined;
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

/** Names that are looked at for one path, in all folders together. */
const namesMax = 4096;

interface Search {
  readonly exeInode: number;
  /** Names that may still be looked at. */
  left: number;
}

function namesOfLength(folder: string, length: number): string[] {
  try {
    return readdirSync(folder).filter((name) => Buffer.byteLength(name) === length);
  } catch {
    return []; // no folder, or none in this mount namespace
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** The path to the executable's inode behind `folder`, where the kernel kept the length only of some names. */
function find(folder: string, names: readonly (string | number)[], search: Search): string | undefined {
  const [name, ...rest] = names;
  if (name === undefined) return inodeOf(folder) === search.exeInode ? folder : undefined;
  const candidates = typeof name === 'string' ? [name] : namesOfLength(folder || '/', name);
  for (const candidate of candidates) {
    if (search.left-- <= 0) return undefined;
    const found = find(`${folder}/${candidate}`, rest, search);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** From the names that the kernel programs copied; one that they could not keep is looked for on the disk. */
function copiedPath({ kernelPath, exeDevice, exeInode }: Owner): string | undefined {
  if (!kernelPath) return undefined;
  const root = mountPoint(exeDevice);
  if (kernelPath.every((name) => typeof name === 'string')) return `${root}/${kernelPath.join('/')}`;
  return find(root, kernelPath, { exeInode, left: namesMax });
}

/** Undefined where there is none, or nobody knows it. */
export function executablePath(owner: Owner): string | undefined {
  return owner.exeInode === 0 ? undefined : (procPath(owner) ?? copiedPath(owner));
}
