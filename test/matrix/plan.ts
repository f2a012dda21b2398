/** What runs on which kernel. A test joins by one line below; a scenario by being in the lab's table. */
import type { GuestFile } from '../guest/project.ts';
import type { KernelName } from '../guest/kernels.ts';

/** Test files that every kernel runs, in this order; with every change two of the kernels do. */
const suite: readonly string[] = [
  'test/exact.root.test.ts',
  'test/attribution.root.test.ts',
  'test/coverage.root.test.ts',
];

/** With these in it, the other guest takes about as long. */
const scenarios: readonly string[] = [
  'test/scenarios.root.test.ts',
  'test/folding.root.test.ts',
  'test/udp-exact.root.test.ts',
];

/** What else the signals tell: minutes each in a guest, so only on the oldest and the newest. */
const signals: readonly string[] = [
  'test/depth.root.test.ts',
  'test/listeners.root.test.ts',
  'test/waiting.root.test.ts',
  'test/resets.root.test.ts',
  'test/udp.root.test.ts',
  'test/dns-messages.root.test.ts',
  'test/processes.root.test.ts',
  'test/signals.root.test.ts',
];

/** Told to tests that would do more than a guest can; a guest's processor does a tenth of a real one's work. */
export const guestEnvironment: Readonly<Record<string, string>> = {
  SONDE_SCENARIOS_PARALLEL: '4',
  SONDE_PATIENCE_MS: '30000',
  SONDE_EXACT_CONNECTIONS: '3000',
  SONDE_SWEEP_CONNECTIONS: '4500',
  SONDE_SWEEP_STAND_INS: 'not here', // who stands in is no other in a guest
};

/** What they need: the agent, the lab, the tests. Nothing is built in the guest. */
export const guestFiles: readonly GuestFile[] = [
  'bin',
  'src',
  'questions',
  'lab',
  'test',
  'build/sonde.node',
  'build/bpf/sonde.bpf.o',
  'build/lab',
  'node_modules/mmdb-lib',
  'node_modules/tldts',
  'node_modules/tldts-core',
  'node_modules/yaml',
  'node_modules/zod',
];

/** Commands that the tests run, besides those of every guest. */
export const guestTools: readonly string[] = ['bash', 'sleep'];

export interface Step {
  readonly name: 'scenarios' | 'suite' | 'signals' | 'stress' | 'refusal';
  readonly files: readonly string[];
  readonly smp: 1 | 2;
  /** Of the guest, boot and all, on a machine that does other things too. */
  readonly timeoutMs: number;
}

export const steps = {
  scenarios: { name: 'scenarios', files: scenarios, smp: 1, timeoutMs: 1_200_000 },
  suite: { name: 'suite', files: suite, smp: 1, timeoutMs: 1_200_000 },
  signals: { name: 'signals', files: signals, smp: 1, timeoutMs: 1_500_000 },
  stress: { name: 'stress', files: ['test/sweep.root.test.ts'], smp: 2, timeoutMs: 900_000 },
  refusal: { name: 'refusal', files: ['test/matrix/refusal.ts'], smp: 1, timeoutMs: 120_000 },
} as const satisfies Readonly<Record<Step['name'], Step>>;

export interface Entry {
  readonly kernel: KernelName;
  /** On the kernel's command line, and asserted from within. */
  readonly lockdown: 'none' | 'confidentiality';
  readonly steps: readonly Step['name'][];
}

const whole = ['scenarios', 'suite', 'stress'] as const;

export const matrix: readonly Entry[] = [
  { kernel: '5.10', lockdown: 'none', steps: ['refusal'] },
  { kernel: '6.1', lockdown: 'none', steps: whole },
  { kernel: '6.12', lockdown: 'none', steps: whole },
  { kernel: '6.12', lockdown: 'confidentiality', steps: whole },
  { kernel: '6.1x', lockdown: 'none', steps: whole },
  { kernel: '7.x', lockdown: 'none', steps: whole },
];

export const matrixOfSignals: readonly Entry[] = [
  { kernel: '6.1', lockdown: 'none', steps: ['signals'] },
  { kernel: '7.x', lockdown: 'none', steps: ['signals'] },
];

/** With every change: the oldest, where most is different, and the stress also on one that is nearer to today's. */
export const matrixInCi: readonly Entry[] = [
  { kernel: '6.1', lockdown: 'none', steps: ['scenarios', 'suite'] },
];
export const stressInCi: readonly Entry[] = [
  { kernel: '6.1', lockdown: 'none', steps: ['stress'] },
  { kernel: '6.12', lockdown: 'none', steps: ['stress'] },
];
