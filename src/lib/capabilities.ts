/**
 * What an agent may do: the capabilities that it needs, and those that a process holds. `bin/sonde` keeps
 * exactly these, on every thread, for good; docs/reference/privileges.md is made of this table.
 */

import { readFileSync } from 'node:fs';

export interface Capability {
  readonly name: string;
  /** linux/capability.h. */
  readonly bit: number;
  /** For the reference: what the agent does with it. */
  readonly purpose: string;
  /** What is not without it; undefined: nothing is loaded then. */
  readonly without?: string;
}

export const sysAdmin: Capability = {
  name: 'CAP_SYS_ADMIN',
  bit: 21,
  purpose:
    "enters network namespaces to read the kernel's own counters, has the kernel time its programs (`budget`), mounts /sys/fs/bpf where nobody has; `sonde check` also sees programs of others",
  without:
    'other network namespaces cannot be entered to compare with their counters, nor neighbours be seen, nor the run time of the kernel programs',
};

/** The kernel takes CAP_SYS_ADMIN for these, too (bpf_capable, perfmon_capable). */
export const standIns: readonly Capability[] = [
  {
    name: 'CAP_BPF',
    bit: 39,
    purpose: 'makes the maps and loads the programs; all signals',
  },
  {
    name: 'CAP_PERFMON',
    bit: 38,
    purpose: 'lets programs on tracepoints and iterators read what they are given; all signals',
  },
];

export const others: readonly Capability[] = [
  {
    name: 'CAP_NET_ADMIN',
    bit: 12,
    purpose:
      'loads and attaches the programs on control groups (signals `dns`, `udp`, `refusals`), asks what is translated (conntrack)',
  },
  {
    name: 'CAP_SYS_PTRACE',
    bit: 19,
    purpose:
      "reads /proc/PID/exe and /proc/PID/ns of other users' processes: executables, and network namespaces that only a process holds",
    without: 'executables and namespaces of other users are out of sight',
  },
];

/** In the order of their bits. */
export const agentCapabilities: readonly Capability[] = [...others, sysAdmin, ...standIns].sort(
  (a, b) => a.bit - b.bit,
);

/** What a process or a thread may do, off its /proc/PID/status. */
export interface Held {
  /** Each of the five sets, as a mask. */
  readonly sets: Readonly<Record<CapabilitySet, bigint>>;
  /** No program that it starts gets more (no_new_privs). */
  readonly forGood: boolean;
}

export const capabilitySets = {
  inheritable: 'CapInh',
  permitted: 'CapPrm',
  effective: 'CapEff',
  bounding: 'CapBnd',
  ambient: 'CapAmb',
} as const;
export type CapabilitySet = keyof typeof capabilitySets;

export function heldBy(status: string): Held {
  const mask = (key: string): bigint =>
    BigInt(`0x${new RegExp(`^${key}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  const sets = Object.fromEntries(
    Object.entries(capabilitySets).map(([set, key]) => [set, mask(key)]),
  ) as Record<CapabilitySet, bigint>;
  return { sets, forGood: /^NoNewPrivs:\s*1$/m.test(status) };
}

export function maskOf(capabilities: readonly Capability[]): bigint {
  return capabilities.reduce((mask, { bit }) => mask | (1n << BigInt(bit)), 0n);
}

/** JSON, for `sonde status`. */
export interface Privileges {
  readonly user: number;
  /** Of those that an agent needs. */
  readonly capabilities: readonly string[];
  /** How many others. */
  readonly more: number;
  readonly forGood: boolean;
}

export function ownPrivileges(status = readFileSync('/proc/self/status', 'utf8')): Privileges {
  const { sets, forGood } = heldBy(status);
  const held = sets.permitted;
  const needed = agentCapabilities.filter(({ bit }) => ((held >> BigInt(bit)) & 1n) === 1n);
  const more = (held & ~maskOf(agentCapabilities)).toString(2).replaceAll('0', '').length;
  return { user: process.geteuid?.() ?? -1, capabilities: needed.map(({ name }) => name), more, forGood };
}
