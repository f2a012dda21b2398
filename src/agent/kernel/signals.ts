/** Which kernel programs make a signal. Every program of the object that is attached to something is in one. */

import { readFileSync } from 'node:fs';
import { signalNames, type SignalName } from '../../model/signals.ts';
import type { Native } from './native.ts';

export interface SignalPrograms {
  readonly programs: readonly string[];
  /** Attached to the root of the control groups, not to a tracepoint. */
  readonly onCgroup?: true;
  /** What this kernel lacks for it to tell anything, though it may take the programs. */
  readonly lack?: (native: Pick<Native, 'kernelArguments'>) => string | undefined;
}

/** 6.10 gave the tracepoint the kernel's reason, and made it fire without a socket. The program's own argument counts too. */
export function tracesAllResets(native: Pick<Native, 'kernelArguments'>): boolean {
  return native.kernelArguments('btf_trace_tcp_send_reset') >= 4;
}

export const untracedResets = 'this kernel does not trace resets that belong to no socket';

export const signalPrograms: Readonly<Record<SignalName, SignalPrograms>> = {
  lifecycle: {
    programs: ['tcp_state_changed', 'tcp_reset_received', 'tcp_reset_sent', 'tcp_error_noted'],
  },
  retransmits: { programs: ['tcp_retransmitted', 'tcp_synack_retransmitted'] },
  refusals: {
    programs: ['tcp_attempt_refused'],
    lack: (native) => (tracesAllResets(native) ? undefined : untracedResets),
  },
};

/** Of all signals. The sweep is in none: it is run, not attached to an event. */
export const allPrograms: readonly string[] = signalNames.flatMap((name) => signalPrograms[name].programs);

/** Where the second version of control groups is mounted; undefined where it is not. */
export function cgroupRoot(mounts = readFileSync('/proc/self/mountinfo', 'utf8')): string | undefined {
  const fields = mounts.split('\n').map((line) => line.split(' '));
  // Optional fields end with a lone dash; the type comes behind it. The hierarchy's root, not a part of it.
  const found = fields.find((of) => of[of.indexOf('-') + 1] === 'cgroup2' && of[3] === '/');
  return found?.[4];
}
