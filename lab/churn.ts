/**
 * Many connections with exact truth (lab/churn.c). A churn is one command in one namespace with one or more
 * worker processes; each worker is a process of its own name. What was planned is what must be counted:
 * `unexpected` is empty or the run is void.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { CloseReason, ConnectionState, Direction, ResetSide } from '../src/model/connection.ts';
import { programPath } from './programs.ts';

/** How a connection ends, seen from this end. Both ends of a churn are told, each in its own view. */
export type ChurnAction = 'fin_local' | 'fin_remote' | 'aborted' | 'reset_received' | 'refused';

/** The other end's view of the same end. A refused connection has no other end. */
export const mirrored = {
  fin_local: 'fin_remote',
  fin_remote: 'fin_local',
  aborted: 'reset_received',
  reset_received: 'aborted',
} as const satisfies Partial<Record<ChurnAction, ChurnAction>>;

type Payload = { readonly send: number; readonly receive: number };
export type ChurnTarget = Payload & {
  readonly ip: string;
  /** Over how many addresses, counted upwards from `ip` (IPv4): at most 20,000 closed connections each. */
  readonly addresses?: number;
  readonly port: number;
  readonly action: ChurnAction;
  /** Connections of each worker. */
  readonly count: number;
};
export type ChurnListener = Payload & {
  readonly ip: string;
  readonly port: number;
  readonly action: Exclude<ChurnAction, 'refused'>;
};

export type ChurnOptions = {
  /** Comm of the one worker, or of `name-0`, `name-1` …; at most 15 characters in all. */
  readonly name: string;
  /** Path of a network namespace; without it this one. */
  readonly netns?: string;
  readonly workers?: number;
  /** All workers run on this CPU; without it, where the scheduler puts them. */
  readonly cpu?: number;
  /** After so many seconds it is killed and there is no truth. */
  readonly limitS?: number;
};

/** `connections` ends that are alike. Bytes are payload, summed. */
export type ChurnEnds = {
  readonly direction: Direction;
  readonly state: ConnectionState;
  readonly established: boolean;
  readonly resetSide?: ResetSide;
  readonly closeReason?: CloseReason;
  readonly error?: string;
  readonly destinationIp: string;
  readonly destinationPort: number;
  readonly connections: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
};

export type ChurnProcess = {
  readonly process: string;
  readonly pid: number;
  readonly connections: number;
  readonly cpuUserNs: number;
  readonly cpuSystemNs: number;
  /** From socket() to the return of close(); 0 on a server. */
  readonly connectionMinNs: number;
  readonly connectionMedianNs: number;
  /** System call and errno, and how often; empty when all went as planned. */
  readonly unexpected: Readonly<Record<string, number>>;
  readonly ends: readonly ChurnEnds[];
};

export type ChurnTruth = {
  readonly role: 'client' | 'server';
  readonly name: string;
  /** Inode of the network namespace. */
  readonly netns: number;
  /** On a server, from start to stop. */
  readonly elapsedNs: number;
  readonly processes: readonly ChurnProcess[];
};

const limitDefaultS = 120;

function start(role: string, options: ChurnOptions, rate: number, targets: readonly string[]): ChildProcess {
  const { name, netns = '-', workers = 1, cpu, limitS = limitDefaultS } = options;
  const pinned = cpu === undefined ? [] : ['taskset', '--cpu-list', String(cpu)];
  const words = [role, name, netns, String(workers), String(limitS), String(rate), ...targets];
  const [program, ...rest] = [...pinned, programPath('churn'), ...words] as [string, ...string[]];
  return spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
}

type NextLine = () => Promise<string>;

/** Reads the lines a churn prints, one a call; rejects when it ends without the one that is awaited. */
function lineReader(child: ChildProcess, name: string): NextLine {
  if (!child.stdout) throw new Error('a churn has a stdout');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return async () => {
    const next = await lines.next();
    if (next.done !== true) return next.value;
    throw new Error(`churn ${name} ended without its truth: wrong arguments, or the limit was reached`);
  };
}

/** Runs to the end and gives the truth. `rate`: connections per second of all workers; 0 is no limit. */
export async function runChurnClient(
  options: ChurnOptions & { readonly rate?: number; readonly targets: readonly ChurnTarget[] },
): Promise<ChurnTruth> {
  const targets = options.targets.map(
    (t) => `${t.ip}+${t.addresses ?? 1}/${t.port}/${t.action}/${t.count}/${t.send}/${t.receive}`,
  );
  const child = start('client', options, options.rate ?? 0, targets);
  return JSON.parse(await lineReader(child, options.name)()) as ChurnTruth;
}

/** A server that serves until it is stopped. */
export class ChurnServer {
  readonly #child: ChildProcess;
  readonly #nextLine: NextLine;

  private constructor(child: ChildProcess, nextLine: NextLine) {
    this.#child = child;
    this.#nextLine = nextLine;
  }

  /** Resolves when every worker listens. */
  static async start(
    options: ChurnOptions & { readonly listeners: readonly ChurnListener[] },
  ): Promise<ChurnServer> {
    const listeners = options.listeners.map((l) => `${l.ip}/${l.port}/${l.action}/${l.send}/${l.receive}`);
    const child = start('server', options, 0, listeners);
    const server = new ChurnServer(child, lineReader(child, options.name));
    await server.#nextLine();
    return server;
  }

  /** Serves what is still queued, ends, and gives the truth. */
  async stop(): Promise<ChurnTruth> {
    this.#child.stdin?.end();
    return JSON.parse(await this.#nextLine()) as ChurnTruth;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
