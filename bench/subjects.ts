/** What is put on the hooks while the churn runs. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { artefacts, loadNative } from '../src/agent/kernel/native.ts';
import { cgroupRoot, isOnCgroup, signalPrograms } from '../src/agent/kernel/signals.ts';
import { optionalSignals, signalNames, wantedSignals, type SignalName } from '../src/model/signals.ts';
import { questionsFolder, signalsNeeded } from '../src/question/discovery.ts';
import { AgentProcess, type AgentSettings } from './agent.ts';
import { churnPort } from './churn.ts';
import { attachedHooks } from './links.ts';

export const subjectNames = [
  'base',
  'no-op',
  'windows',
  'no-op all',
  'all signals',
  'events',
  'tcplife',
  'tcpstates',
] as const;
export type SubjectName = (typeof subjectNames)[number];

export type Running = AsyncDisposable & {
  /** Its process, where it has one of its own. */
  readonly pid?: number;
  /**
   * Whether its records tell all ends of so many connections by now; undefined: it keeps none that could be
   * checked.
   */
  readonly complete?: (connections: number) => Promise<boolean>;
  /** Ends it, and says what its records lack; empty when they are complete. */
  finish(connections: number): Promise<string>;
};

const nothing: Running = { finish: async () => '', [Symbol.asyncDispose]: async () => undefined };

const noopObject = join(import.meta.dirname, '../build/bench/noop.bpf.o');

/** The twins of what these signals attach. */
async function startNoop(signals: readonly SignalName[]): Promise<Running> {
  const native = loadNative(artefacts());
  const object = native.open(noopObject);
  native.load(object);
  for (const signal of signals.map((name) => signalPrograms[name])) {
    for (const program of signal.programs) {
      const root = isOnCgroup(signal, program) ? cgroupRoot() : undefined;
      if (root === undefined) native.attach(object, program);
      else native.attach(object, program, root);
    }
  }
  return { ...nothing, [Symbol.asyncDispose]: async () => native.close(object) };
}

/** What the agent has on at defaults. */
const atDefaults = () =>
  wantedSignals({ profile: 'failures', signals: {} }, signalsNeeded(questionsFolder()));

/** Every signal, and windows as they are at defaults. */
const allSignals: AgentSettings = {
  signals: Object.fromEntries(optionalSignals.map((name) => [name, 'on'])),
};

/**
 * `full` at a rate that no budget cuts and a ring that holds a second: every connection is told, both
 * moments, both ends.
 */
const everyEvent: AgentSettings = {
  profile: 'full',
  limits: { events_per_second: 1_000_000, trace_events_per_second: 1_000_000, event_buffer: '64MiB' },
};

async function startAgent(settings: AgentSettings): Promise<Running> {
  const agent = await AgentProcess.start(settings);
  const events = settings === everyEvent;
  return {
    pid: agent.pid,
    complete: async (connections) => (await agent.told(churnPort)).ended === 2 * connections,
    async finish(connections) {
      await agent.stop();
      const told = await agent.told(churnPort);
      const lacks = [
        told.ended === 2 * connections ? '' : `${2 * connections - told.ended} ends missing`,
        !events || told.events === 4 * connections ? '' : `${4 * connections - told.events} events missing`,
        ...Object.entries(told.lost).map(([reason, count]) => `${reason} ${count}`),
      ];
      return lacks.filter(Boolean).join(', ');
    },
    [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
  };
}

/**
 * One of libbpf-tools. Its mount of tracefs, which it reads the tracepoint's number from, is in a mount
 * namespace of its own and goes with it.
 */
async function startTool(tool: 'tcplife' | 'tcpstates'): Promise<Running> {
  const command = `mount -t tracefs tracefs /sys/kernel/tracing && exec ${tool}`;
  const child = spawn('unshare', ['--mount', 'sh', '-c', command], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let lost = 0;
  createInterface(child.stderr).on('line', (line) => {
    lost += Number(/^lost (\d+) events/.exec(line)?.[1] ?? 0);
  });
  const running: Running = {
    ...nothing,
    pid: child.pid ?? 0,
    finish: async () => (lost === 0 ? '' : `${lost} of its events`),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGINT');
      await exited;
    },
  };
  for (let waitedMs = 0; attachedHooks().length === 0; waitedMs += 100) {
    await sleep(100);
    if (child.exitCode === null && waitedMs < 10_000) continue;
    await running[Symbol.asyncDispose]();
    throw new Error(`${tool} did not start`);
  }
  return running;
}

export const subjects: Readonly<Record<SubjectName, () => Promise<Running>>> = {
  base: async () => nothing,
  'no-op': () => startNoop(atDefaults()),
  windows: () => startAgent({}),
  'no-op all': () => startNoop(signalNames),
  'all signals': () => startAgent(allSignals),
  events: () => startAgent(everyEvent),
  tcplife: () => startTool('tcplife'),
  tcpstates: () => startTool('tcpstates'),
};
