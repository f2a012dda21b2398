/** Whether a process that the kernel programs met is still there: its pid may be another's by now. */

import { readFileSync } from 'node:fs';
import type { Owner } from '../../model/observation.ts';

/** proc(5) counts in hundredths of a second, whatever the kernel's own clock tick. */
const nsPerTick = 10_000_000;

/** When the process that has this pid now was started: field 22; its name, in brackets, may hold anything. */
export function startTicks(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(') ') + 2).split(' ')[22 - 3]);
}

/** Throws where nobody has that pid. */
export function isRunning({ pid, pidStartedNs }: Pick<Owner, 'pid' | 'pidStartedNs'>): boolean {
  return startTicks(pid) === Math.floor(pidStartedNs / nsPerTick);
}
