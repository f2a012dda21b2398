/** A table of owners as the kernel's, set by a test; and what an agent's own would look them up in. */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { findOwnProcesses } from '../src/agent/enrich/own.ts';
import type { OwnerParts, OwnerSource } from '../src/agent/enrich/owners.ts';
import type { Owner } from '../src/model/observation.ts';

/** What this process runs. */
export const self = '/proc/self/exe';

/** Of a process; 0 of one that is gone. In the middle of the hundredth of a second that the kernel tells. */
function startedNs(pid: number): number {
  if (!existsSync(`/proc/${String(pid)}/stat`)) return 0;
  const [, , , ...fields] = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    .replace(/\(.*\)/s, '()')
    .split(' ');
  return (Number(fields[18]) + 0.5) * 1e7;
}

export function owner(change: Partial<Owner>): Owner {
  return {
    id: 1,
    usedInWindow: 0,
    name: 'node',
    uid: 7,
    cgroupId: 1n,
    exeInode: statSync(self).ino,
    exeDevice: 0,
    pid: process.pid,
    pidStartedNs: startedNs(change.pid ?? process.pid),
    kernelPath: undefined,
    ...change,
  };
}

/** The kernel's table, set by the test; undefined: being written. */
export function ownerTable(...given: readonly Owner[]) {
  const met = new Set<number>();
  const owners = new Map<number, Owner | undefined>(given.map((one) => [one.id, one]));
  const [reads, retired]: [number[], number[]] = [[], []];
  const known = () => [...owners].filter(([, one]) => one).map(([id]) => id);
  const table = {
    owners,
    reads,
    retired,
    lacking: 0,
    read(id: number): Owner | undefined {
      reads.push(id);
      return owners.get(id);
    },
    numbers: {
      met(): number[] {
        const whole = known().filter((id) => !met.has(id));
        for (const id of whole) met.add(id);
        return whole;
      },
      known,
      lacking: () => table.lacking,
      mend: () => Promise.resolve(),
      retire(ids: readonly number[]): Promise<void> {
        retired.push(...ids);
        for (const id of ids) owners.delete(id);
        return Promise.resolve();
      },
    },
  };
  return table satisfies OwnerSource;
}

/** Nobody has a name or a group, but for those that a test gives. */
export function parts(change: Partial<OwnerParts> = {}): OwnerParts {
  return {
    own: findOwnProcesses(),
    users: { name: () => undefined, refresh: () => false },
    cgroups: { pathOf: () => undefined, look: () => false },
    containers: {
      factsOf: () => undefined,
      asks: () => false,
      pump: () => [],
      ask: () => Promise.resolve(undefined),
    },
    pods: undefined,
    rules: [],
    commandLine: () => undefined,
    ...change,
  };
}
