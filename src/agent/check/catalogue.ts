/**
 * What is looked at on a node, in the order in which it is told. Findings, their page in the reference and
 * what is said to do about them come from this table.
 */

export const sections = {
  kernel: 'what the kernel can do, by trying',
  machine: 'what there is of it',
  privileges: 'what this process may do',
  neighbours: 'who else has programs in this kernel',
} as const;

export type Section = keyof typeof sections;

export interface Probe {
  readonly section: Section;
  readonly title: string;
  /** For the reference: what is looked at, and what the outcomes mean. */
  readonly means: string;
  /** Where something is to be done, and always the same. */
  readonly whatToDo?: string;
}

export const probes = {
  release: {
    section: 'kernel',
    title: 'release',
    means: "The kernel's own name, for reports. Nothing is concluded from it: what it can do is tried.",
  },
  btf: {
    section: 'kernel',
    title: 'kernel types',
    means:
      "The kernel's type information (BTF), by which the programs find fields. Without it nothing loads.",
    whatToDo: 'boot a kernel of 5.15 or later (tested from 6.1) that was built with CONFIG_DEBUG_INFO_BTF=y',
  },
  build: {
    section: 'kernel',
    title: 'build',
    means: 'Told only when the kernel programs or the addon, which the build makes, are not there.',
  },
  socketStorage: {
    section: 'kernel',
    title: 'socket storage',
    means:
      'Whether the kernel keeps a record in each socket (a BPF map of that kind is made). Nothing works without.',
    whatToDo: 'boot a kernel of 5.15 or later (tested from 6.1)',
  },
  ring: {
    section: 'kernel',
    title: 'ring buffer',
    means:
      'Whether single connections can be handed over (a BPF ring buffer is made). Nothing works without.',
    whatToDo: 'boot a kernel of 5.15 or later (tested from 6.1)',
  },
  iterator: {
    section: 'kernel',
    title: 'iterator',
    means:
      "Whether the walk over all file tables loads and runs. It finds what is older than the agent, and what is still open at a window's end.",
    whatToDo: 'boot a kernel of 5.15 or later (tested from 6.1)',
  },
  batches: {
    section: 'kernel',
    title: 'batch lookups',
    means: "Whether a window's map can be swapped, read and cleared in batches: a window is closed for it.",
    whatToDo: 'boot a kernel of 5.15 or later (tested from 6.1)',
  },
  socketlessResets: {
    section: 'kernel',
    title: 'sent resets',
    means:
      'Whether the kernel also traces resets that belong to no socket, such as the answer to a SYN at a closed port, and gives its reason for each. Where not, nothing counts them, OutRsts is `incomparable` in the coverage, and `resets.reasons` is absent.',
    whatToDo: 'a kernel of 6.10 or later does both; everything else is complete without',
  },
  acceptQueue: {
    section: 'kernel',
    title: 'accept queues',
    means:
      "Whether programs may read what waits in a listener's accept queue, which nobody holds for them. Where not, `listener.waiting_ms` is absent: how many wait is known, not for how long.",
    whatToDo: 'a kernel of 6.3 or later lets them; everything else is complete without',
  },
  jit: {
    section: 'kernel',
    title: 'JIT compiler',
    means:
      'net.core.bpf_jit_enable and bpf_jit_harden. Off, or hardened for root too (2): programs cost more, interpreted ones many times more; nothing is missing.',
    whatToDo: 'sysctl net.core.bpf_jit_enable=1, and net.core.bpf_jit_harden=1 or 0',
  },
  lockdown: {
    section: 'kernel',
    title: 'lockdown',
    means:
      "The kernel's lockdown mode. Sonde's programs read kernel memory by type only, never by probe reads, so all modes are fine.",
  },
  lsms: {
    section: 'kernel',
    title: 'security modules',
    means:
      'The active Linux security modules. SELinux or AppArmor may refuse what the capabilities allow: then a signal is refused with EACCES or EPERM, and their log says by which rule.',
  },
  statistics: {
    section: 'kernel',
    title: 'run statistics',
    means:
      'kernel.bpf_stats_enabled. While it is 1 every run of every BPF program is timed, which takes time of its own. Sonde has its own timed only while it measures itself.',
    whatToDo: 'sysctl kernel.bpf_stats_enabled=0, unless somebody measures just now',
  },
  cpus: {
    section: 'machine',
    title: 'processors',
    means: 'Processors online, and those that per-processor memory is made for.',
  },
  memory: {
    section: 'machine',
    title: 'memory',
    means:
      'What the maps take when all are full, in the default configuration, against the memory that is free for this control group. Beside it each open socket takes about 400 bytes.',
    whatToDo: 'lower limits.flow_rows or limits.event_buffer in agent.yaml, or free some memory',
  },
  cgroups: {
    section: 'machine',
    title: 'control groups',
    means:
      "Where the second version of control groups is mounted: alone (pure), beside the first (hybrid), or not at all. Signals that see packets attach to its root, which must be the host's.",
    whatToDo:
      "mount -t cgroup2 none /sys/fs/cgroup/unified; in a container: use the host's control group namespace",
  },
  bpffs: {
    section: 'machine',
    title: 'BPF file system',
    means:
      'Where the agent pins maps and programs, so that counting goes on while it is restarted. Where nobody has mounted it, an agent that may do so does.',
    whatToDo: 'mount -t bpf bpf /sys/fs/bpf, or let the agent, as root, do it',
  },
  user: {
    section: 'privileges',
    title: 'user',
    means: 'Who this is, and whether in a user namespace: there, capabilities are worth nothing to BPF.',
    whatToDo: 'run it as root of the host, not in a user namespace (docker: --userns=host)',
  },
  capabilities: {
    section: 'privileges',
    title: 'capabilities',
    means:
      'CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN load and attach the programs; CAP_SYS_ADMIN stands for the first two, and enters network namespaces to compare with their counters; CAP_SYS_PTRACE reads whose sockets they are. What one missing means is said beside it. `check` holds what an agent holds (privileges.md).',
    whatToDo: 'run it as root, or grant these capabilities',
  },
  systemCalls: {
    section: 'privileges',
    title: 'system calls',
    means: 'Whether a seccomp filter is on this process. One that leaves bpf(2) out refuses everything.',
    whatToDo: 'if signals are refused: allow bpf, perf_event_open and setns in the seccomp profile',
  },
  pidNamespace: {
    section: 'privileges',
    title: 'pid namespace',
    means:
      "Whether this is the host's. In another, file tables of others are out of sight: the owners of connections that are older than the agent, or were accepted, may be missing.",
    whatToDo: "run it in the host's pid namespace (Kubernetes: hostPID; docker: --pid=host)",
  },
  memlock: {
    section: 'privileges',
    title: 'locked memory',
    means:
      'RLIMIT_MEMLOCK. Kernels before 5.11 charged maps to it; those on which Sonde runs charge the control group, so it does not matter.',
  },
  unprivileged: {
    section: 'privileges',
    title: 'unprivileged BPF',
    means:
      'kernel.unprivileged_bpf_disabled. Sonde does not need it; 0 lets every user of this node load programs.',
    whatToDo: 'sysctl kernel.unprivileged_bpf_disabled=2',
  },
  tracepoints: {
    section: 'neighbours',
    title: 'tracepoints',
    means:
      'Programs of others on the tracepoints that Sonde uses. They do not disturb each other; each costs its own time. Those attached through perf events before 6.6, or without a link, are not seen.',
  },
  cgroupHooks: {
    section: 'neighbours',
    title: 'control group root',
    means:
      'Programs of others on the hooks of the root control group that Sonde uses. One that lets nobody else attach there makes the kernel refuse the signal.',
  },
} as const satisfies Readonly<Record<string, Probe>>;

export type ProbeName = keyof typeof probes;

export function titleOf(name: ProbeName): string {
  return probes[name].title;
}

export function sectionOf(name: ProbeName): Section {
  return probes[name].section;
}
