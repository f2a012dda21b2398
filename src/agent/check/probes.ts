/** Can this node do it? Finds out by trying, never by a version; says what is missing and what to change. */

import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { formatWhatToDo, isOperatorError } from '../../lib/errors.ts';

/** `missing`: nothing can be answered. `degraded`: something cannot. */
export interface Finding {
  readonly probe: string;
  readonly result: 'ok' | 'degraded' | 'missing';
  readonly detail: string;
  readonly whatToDo?: string;
}

/** What the probes do to the kernel; injected, since stages do not import each other. */
export interface Attempt {
  /** Loads and attaches the programs, and removes them again. */
  loadAndAttach(): Promise<void>;
  /** Arguments of a tracepoint in the kernel's BTF, the program's own included. */
  kernelArguments(type: string): number;
}

const btfPath = '/sys/kernel/btf/vmlinux';

/** Bits of /proc/self/status CapEff (linux/capability.h). */
const capabilities = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;

/** The initial pid namespace has this inode number on every Linux (PROC_PID_INIT_INO). */
const initialPidNamespace = 'pid:[4026531836]';

function probePrivileges(): Finding {
  const effective = BigInt(
    `0x${/^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0'}`,
  );
  const missing = Object.entries(capabilities).filter(([, bit]) => ((effective >> BigInt(bit)) & 1n) === 0n);
  const probe = 'privileges';
  if (missing.length === 0) return { probe, result: 'ok', detail: 'all capabilities that are needed' };
  const names = missing.map(([name]) => name).join(', ');
  return {
    probe,
    result: 'missing',
    detail: `without ${names}`,
    whatToDo: 'run as root, or grant these capabilities',
  };
}

function probeBtf(): Finding {
  const probe = 'kernel types (BTF)';
  if (existsSync(btfPath)) return { probe, result: 'ok', detail: btfPath };
  return {
    probe,
    result: 'missing',
    detail: `${btfPath} is not there`,
    whatToDo: 'use a kernel of 5.15 or later that is built with CONFIG_DEBUG_INFO_BTF=y',
  };
}

async function probePrograms(attempt: Attempt): Promise<Finding> {
  const probe = 'kernel programs';
  try {
    await attempt.loadAndAttach();
    return { probe, result: 'ok', detail: 'loaded, attached and removed again' };
  } catch (error) {
    if (!isOperatorError(error)) return { probe, result: 'missing', detail: (error as Error).message };
    return { probe, result: 'missing', detail: error.message, whatToDo: formatWhatToDo(error) };
  }
}

function probeJit(): Finding {
  const probe = 'JIT compiler';
  const path = '/proc/sys/net/core/bpf_jit_enable';
  const on = existsSync(path) ? readFileSync(path, 'latin1').trim() !== '0' : true;
  if (on) return { probe, result: 'ok', detail: 'on' };
  return {
    probe,
    result: 'degraded',
    detail: 'off: programs cost many times more',
    whatToDo: `echo 1 > ${path}`,
  };
}

function probeLockdown(): Finding {
  const path = '/sys/kernel/security/lockdown';
  const mode = existsSync(path) ? /\[(\w+)\]/.exec(readFileSync(path, 'latin1'))?.[1] : undefined;
  return {
    probe: 'lockdown',
    result: 'ok',
    detail: `${mode ?? 'not in this kernel'}: no matter, the programs use no probe reads`,
  };
}

function probePidNamespace(): Finding {
  const probe = 'pid namespace';
  if (readlinkSync('/proc/self/ns/pid') === initialPidNamespace)
    return { probe, result: 'ok', detail: "the host's" };
  return {
    probe,
    result: 'degraded',
    detail: "not the host's: connections older than the agent, and accepted ones, may lack their owner",
    whatToDo: "run it in the host's pid namespace (hostPID)",
  };
}

function probeResets(attempt: Attempt): Finding {
  const probe = 'sent resets';
  if (attempt.kernelArguments('btf_trace_tcp_send_reset') >= 4)
    return { probe, result: 'ok', detail: 'all are traced' };
  return {
    probe,
    result: 'degraded',
    detail: 'those that belong to no socket are not traced: OutRsts cannot be compared',
    whatToDo: 'a kernel of 6.10 or later traces them',
  };
}

/**
 * All findings, in the order in which they matter. Later ones are left out where an earlier one makes them
 * pointless.
 */
export async function probeNode(attempt: () => Attempt): Promise<Finding[]> {
  const findings = [probePrivileges(), probeBtf()];
  if (findings.some((f) => f.result === 'missing')) return findings;
  try {
    const tried = attempt();
    findings.push(await probePrograms(tried), probeResets(tried));
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    return [
      ...findings,
      { probe: 'build', result: 'missing', detail: error.message, whatToDo: formatWhatToDo(error) },
    ];
  }
  return [...findings, probeJit(), probeLockdown(), probePidNamespace()];
}
