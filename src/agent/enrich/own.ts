/**
 * Which processes are Sonde's own. Their name alone proves nothing: any process may take it. So one is ours
 * when it has one of our names, runs an executable of ours (by the inode that the kernel saw), and runs as a
 * user that only an administrator can become.
 */

import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Owner } from '../../model/observation.ts';

/** `workload.name` of Sonde's own processes. */
export const ownWorkload = 'sonde';

const names: ReadonlySet<string> = new Set(['sonde-agent', 'sonde-hub', 'sonde-engine']);

/** Node, which runs agent and hub, and the engine's launcher. */
const executables = [
  process.execPath,
  fileURLToPath(new URL('../../../build/sonde-engine', import.meta.url)),
];

function userId(name: string, passwd: string): number | undefined {
  const line = readFileSync(passwd, 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  return line === undefined ? undefined : Number(line.split(':')[2]);
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

export interface OwnProcesses {
  readonly inodes: ReadonlySet<number | undefined>;
  readonly users: ReadonlySet<number | undefined>;
}

/** Looked up once, at start: a later build or user is met at the next. */
export function findOwnProcesses(passwd = '/etc/passwd'): OwnProcesses {
  return {
    inodes: new Set(executables.map(inodeOf)),
    users: new Set([0, process.geteuid?.(), userId('sonde', passwd)]),
  };
}

export function isOwn(owner: Owner, { inodes, users }: OwnProcesses): boolean {
  return owner.exeInode !== 0 && names.has(owner.name) && users.has(owner.uid) && inodes.has(owner.exeInode);
}
