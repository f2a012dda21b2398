/** What the kernel says of a process: its CPU time and its memory. */

import { readFileSync } from 'node:fs';

/** USER_HZ, the unit of /proc/PID/stat: 100 on every Linux that Sonde runs on. */
const ticksPerSecond = 100;

/** User and system time of all threads, those that have ended too. */
export function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields are counted from behind the name, which may hold spaces: utime and stime are 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export type Memory = { readonly rssMb: number; readonly peakMb: number };

/** Resident now, and the most there ever was. MB are 10^6 bytes. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name: string) =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024) / 1e6;
  return { rssMb: megabytes('VmRSS'), peakMb: megabytes('VmHWM') };
}

/** CPU time that all of the machine's CPUs spent on anything, and what the hypervisor kept from them. */
export function machineBusySeconds(): number {
  // cpu  user nice system idle iowait irq softirq steal guest guest_nice
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const busy = ticks.filter((_, column) => column !== 3 && column !== 4);
  return busy.reduce((sum, some) => sum + some, 0) / ticksPerSecond;
}
