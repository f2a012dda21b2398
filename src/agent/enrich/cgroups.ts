/**
 * Where in the control groups an owner is: from its process while that runs, else from the group's number,
 * which is its inode in the unified hierarchy.
 *
 * Owns the paths by number, the newest `groupsMax`; a number is never given twice while the kernel runs. A
 * group that is gone keeps the path that was seen. Looking through the hierarchy takes time with its size, so
 * a look is only taken when somebody is missing, and they take a hundredth of the time at most.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import type { Owner } from '../../model/observation.ts';
import { tellingPath } from './cgroup-path.ts';
import { isRunning } from './running.ts';

export const cgroupLimits = {
  groupsMax: 65_536,
  /** A look of 30 ms, as at a thousand groups, is followed by the next after three seconds. */
  shareMin: 100n,
} as const;

export interface Cgroups {
  /** Undefined: not known, or nowhere that is told from elsewhere. */
  pathOf(owner: Owner): string | undefined;
  /** Looks through the hierarchy if it is time. False: not yet. */
  look(): boolean;
}

export interface Hierarchies {
  /** Where the unified one is mounted. */
  readonly unified: string | undefined;
  /** There are some of version 1, and processes may be told apart by these alone. */
  readonly version1: boolean;
}

/** From /proc/self/mountinfo. */
export function hierarchiesOf(mountinfo: string): Hierarchies {
  const mounts = mountinfo.split('\n').map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, point] = before.split(' ');
    return { root, point, type: after.split(' ')[0] };
  });
  return {
    unified: mounts.find(({ type, root }) => type === 'cgroup2' && root === '/')?.point,
    version1: mounts.some(({ type }) => type === 'cgroup'),
  };
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { throwIfNoEntry: false, bigint: true })?.ino;
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return []; // removed meanwhile
  }
}

/** All groups below, outer ones first. */
function* groupsBelow(mount: string): Generator<readonly [id: bigint, path: string]> {
  const waiting = [''];
  for (const path of waiting) {
    const id = inodeOf(`${mount}${path}`);
    if (id === undefined) continue;
    yield [id, path || '/'];
    if (waiting.length >= cgroupLimits.groupsMax) continue;
    for (const name of foldersIn(`${mount}${path}`)) waiting.push(`${path}/${name}`);
  }
}

/**
 * Beside hierarchies of version 1 a runtime may leave its containers in its own group of the unified one, or
 * in the root: that says nothing then.
 */
const mayHideContainers = /^\/$|\/(?:docker|containerd|crio|podman|kubelet|k3s|k3s-agent|rke2-\w+)\.service$/;

/** /proc/PID/cgroup; undefined when that process is gone. */
export function groupsNow(owner: Pick<Owner, 'pid' | 'pidStartedNs'>): string | undefined {
  try {
    return isRunning(owner) ? readFileSync(`/proc/${String(owner.pid)}/cgroup`, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

export function openCgroups(
  clock: Pick<Clock, 'monotonicNs'>,
  { unified, version1 }: Hierarchies = hierarchiesOf(readFileSync('/proc/self/mountinfo', 'utf8')),
  groupsOf: (owner: Owner) => string | undefined = groupsNow,
): Cgroups {
  const paths = new Map<bigint, string>();
  const root = unified === undefined ? undefined : inodeOf(unified);
  let dueNs = 0n;

  function remember(id: bigint, path: string): void {
    paths.delete(id);
    paths.set(id, path);
    const [oldest] = paths.keys();
    if (paths.size > cgroupLimits.groupsMax && oldest !== undefined) paths.delete(oldest);
  }

  /** As the process names its group; undefined once it is in another one than when it was met. */
  function toldBy(groups: string, id: bigint): string | undefined {
    if (root === undefined || id === root) return tellingPath(groups);
    const path = /^0::(\/.*)$/m.exec(groups)?.[1];
    if (path === undefined) return undefined;
    if (path.startsWith('/..')) return tellingPath(groups); // outside of our namespace: no number to compare
    if (!paths.has(id) && inodeOf(`${unified ?? ''}${path}`) === id) remember(id, path);
    return paths.get(id) === path ? tellingPath(groups) : undefined;
  }

  return {
    pathOf(owner) {
      const id = owner.cgroupId;
      if (id === 0n) return undefined; // a thread of the kernel, or told without its group
      const groups = groupsOf(owner);
      const told = groups === undefined ? undefined : toldBy(groups, id);
      if (told !== undefined) return told;
      const path = id === root ? '/' : paths.get(id);
      return version1 && path !== undefined && mayHideContainers.test(path) ? undefined : path;
    },
    look() {
      const startNs = clock.monotonicNs();
      if (unified === undefined || startNs < dueNs) return unified === undefined;
      for (const [id, path] of groupsBelow(unified)) remember(id, path);
      const endNs = clock.monotonicNs();
      dueNs = endNs + (endNs - startNs) * cgroupLimits.shareMin;
      return true;
    },
  };
}
