/** Which kernel programs make a signal. Every program of the object that is attached to something is in one. */

import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { signalNames, type SignalName } from '../../model/signals.ts';
import type { Native } from './native.ts';

export interface SignalPrograms {
  readonly programs: readonly string[];
  /** What this kernel lacks for it to tell anything, though it may take the programs. */
  readonly lack?: (native: Pick<Native, 'kernelArguments'>) => string | undefined;
  /** All, or these, are attached to the root of the control groups; the others to what their section names. */
  readonly onCgroup?: true | readonly string[];
  /** An iterator that puts into a closed window's rows what the signal counts elsewhere; run, not attached. */
  readonly sweep?: string;
  /** The sweep of sockets looks after those of UDP for it. */
  readonly ofDatagrams?: true;
}

type Arguments = Pick<Native, 'kernelArguments'>;

/**
 * 6.10 gave the tracepoint the kernel's reason, and made it fire without a socket. The program's own argument
 * counts too.
 */
export function tracesAllResets(native: Arguments): boolean {
  return native.kernelArguments('btf_trace_tcp_send_reset') >= 4;
}

/** Whether programs may follow a pointer that they do not hold: 6.3 and later. */
export function castsPointers(native: Arguments): boolean {
  return native.kernelArguments('bpf_rdonly_cast') >= 0;
}

/**
 * Programs on tracepoints, of which the kernel may leave out runs, and how many are behind each on its hook:
 * each tells what the kernel left out of those before. Programs on control groups always run.
 */
const standIns: Readonly<Record<string, number>> = {
  tcp_state_changed: 4, // by far the most runs, and the longest
  tcp_reset_received: 2,
  tcp_reset_sent: 2,
  tcp_error_noted: 2,
  tcp_retransmitted: 2,
  tcp_synack_retransmitted: 2,
  tcp_attempt_refused: 2,
  udp_error_noted: 2,
};

export const mayBeLeftOut: readonly string[] = Object.keys(standIns);

/** Behind a program, in their order: x_2, x_3 … */
export function standInsOf(program: string): readonly string[] {
  return Array.from({ length: standIns[program] ?? 0 }, (_, n) => `${program}_${String(n + 2)}`);
}

const standingIn = new Set(mayBeLeftOut.flatMap(standInsOf));

export function standsIn(program: string): boolean {
  return standingIn.has(program);
}

/**
 * Whether a task can be preempted inside a tracepoint's programs, which then do not run for others on that
 * CPU: 7.0 and later. No type of the kernel's tells; a distribution's kernel that has it earlier is told by
 * its runs left out.
 */
export function leavesOut(kernelRelease: string): boolean {
  return Number.parseInt(kernelRelease) >= 7;
}

const untracedResets = 'this kernel does not trace resets that belong to no socket';

/** Counters that cannot be compared on this kernel, and why. */
export function incomparableOn(native: Arguments): { readonly outRsts?: string } {
  return tracesAllResets(native) ? {} : { outRsts: untracedResets };
}

export const signalPrograms: Readonly<Record<SignalName, SignalPrograms>> = {
  lifecycle: {
    programs: ['tcp_state_changed', 'tcp_reset_received', 'tcp_reset_sent', 'tcp_error_noted'],
  },
  retransmits: { programs: ['tcp_retransmitted', 'tcp_synack_retransmitted'] },
  refusals: {
    programs: ['tcp_attempt_refused'],
    lack: (native) => (tracesAllResets(native) ? undefined : untracedResets),
  },
  dns: {
    programs: ['dns_sent', 'dns_received', 'dns_bound4', 'dns_bound6'],
    onCgroup: true,
    ofDatagrams: true,
  },
  udp: {
    programs: ['udp_socket_made', 'udp_socket_released', 'udp_sent', 'udp_received', 'udp_error_noted'],
    onCgroup: ['udp_socket_made', 'udp_socket_released', 'udp_sent', 'udp_received'],
    sweep: 'udp_sweep',
    ofDatagrams: true,
  },
};

export function isOnCgroup({ onCgroup }: SignalPrograms, program: string): boolean {
  return onCgroup === true || (onCgroup?.includes(program) ?? false);
}

/** In the order in which they are attached. `leaves`: whether the kernel leaves runs out. */
export function programsOf(name: SignalName, leaves = leavesOut(release())): readonly string[] {
  const { programs } = signalPrograms[name];
  if (!leaves) return programs;
  return programs.flatMap((program) => [program, ...standInsOf(program)]);
}

/** Of all signals. The sweep is in none: it is run, not attached to an event. */
export const allPrograms: readonly string[] = signalNames.flatMap((name) => programsOf(name, true));

export const allSweeps: readonly string[] = signalNames.flatMap((name) => signalPrograms[name].sweep ?? []);

/** Where the second version of control groups is mounted; undefined where it is not. */
export function cgroupRoot(mounts = readFileSync('/proc/self/mountinfo', 'utf8')): string | undefined {
  const fields = mounts.split('\n').map((line) => line.split(' '));
  // Optional fields end with a lone dash; the type comes behind it. The hierarchy's root, not a part of it.
  const found = fields.find((of) => of[of.indexOf('-') + 1] === 'cgroup2' && of[3] === '/');
  return found?.[4];
}
