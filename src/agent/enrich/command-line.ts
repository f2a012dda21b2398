/**
 * Command lines, redacted, of processes that still run. Owns the newest `processesMax` of them: one is read
 * once for each process and program that it runs.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import type { Owner } from '../../model/observation.ts';
import type { CommandLineMode } from './config.ts';
import { redacted } from './redact.ts';
import { isRunning } from './running.ts';

export const commandLineLimits = {
  processesMax: 4096,
  bytesMax: 2048,
  charactersMax: 1024,
} as const;

/** Of a connection or a listener; `owner` is another number once it runs another program. */
export interface Holder extends Pick<Owner, 'pid' | 'pidStartedNs'> {
  readonly owner: number;
}

export type CommandLines = (holder: Holder) => string | undefined;

function readStart(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(commandLineLimits.bytesMax + 1);
    return bytes.toString('utf8', 0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

/** Arguments from /proc/PID/cmdline. Of a text that is cut the last is left out: half a secret looks like none. */
export function argumentsOf(text: string): string[] {
  if (Buffer.byteLength(text) <= commandLineLimits.bytesMax) return text.replace(/\0+$/, '').split('\0');
  const whole = text.lastIndexOf('\0');
  return [...(whole < 0 ? [] : text.slice(0, whole).split('\0')), '…'];
}

function read(holder: Holder): string | undefined {
  try {
    if (!isRunning(holder)) return undefined;
    const line = redacted(argumentsOf(readStart(`/proc/${String(holder.pid)}/cmdline`)));
    const { charactersMax } = commandLineLimits;
    if (line === '') return undefined; // a thread of the kernel, or a process that is gone but not waited for
    return line.length > charactersMax ? `${line.slice(0, charactersMax - 1)}…` : line;
  } catch {
    return undefined; // it has ended
  }
}

export function openCommandLines(mode: CommandLineMode): CommandLines {
  const known = new Map<string, string | undefined>();
  if (mode === 'off') return () => undefined;
  return (holder) => {
    if (holder.pid === 0) return undefined;
    const key = `${String(holder.pid)} ${String(holder.pidStartedNs)} ${String(holder.owner)}`;
    if (known.has(key)) return known.get(key);
    const line = read(holder);
    known.set(key, line);
    const [oldest] = known.keys();
    if (known.size > commandLineLimits.processesMax && oldest !== undefined) known.delete(oldest);
    return line;
  };
}
