/** Sonde's processes as an operator runs them, for tests that kill them. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../bin/sonde');

/** How long an orderly end may take before it counts as hanging. */
const stopMsMax = 60_000;

/** One `sonde COMMAND`, started again by whoever kills it. */
export class Daemon {
  readonly #words: readonly string[];
  readonly #command: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  /** All that its runs said, for when a test fails. */
  said = '';

  /** `hostname`: of a host of its own, as far as names go. */
  constructor(words: readonly string[], environment: NodeJS.ProcessEnv = {}, hostname?: string) {
    this.#words = words;
    const rename = 'echo "$1" > /proc/sys/kernel/hostname; shift; exec "$@"';
    this.#command =
      hostname === undefined
        ? [program, ...words]
        : ['unshare', '--uts', 'sh', '-ec', rename, 'sh', hostname, program, ...words];
    this.#environment = { ...process.env, ...environment };
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#words.join(' ')} does not run`);
    return pid;
  }

  start(): void {
    const [command = program, ...words] = this.#command;
    const child = spawn(command, words, {
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (text: Buffer) => (this.said += text.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#child = child;
  }

  /** Resolves with how it ended: an exit code, or a signal's name. */
  async end(signal: NodeJS.Signals): Promise<number | string> {
    const child = this.#child;
    if (!child) throw new Error(`${this.#words.join(' ')} does not run`);
    this.#child = undefined;
    if (child.exitCode !== null || child.signalCode !== null)
      return child.exitCode ?? String(child.signalCode);
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    child.kill(signal);
    const hanging = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
    const [code, by] = await exited;
    clearTimeout(hanging);
    return code ?? String(by);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child) await this.end('SIGTERM');
  }
}

/** The one process of that parent that is called so; undefined when there is none. */
export function childNamed(parent: number, name: string): number | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      const [, comm, rest] = /^\d+ \((.*)\) \S (.*)$/s.exec(stat) ?? [];
      if (comm === name && Number(rest?.split(' ')[0]) === parent) return Number(entry);
    } catch {
      continue; // it has ended
    }
  }
  return undefined;
}

/** A folder that goes with the test; other users may look in. */
export interface Workplace extends Disposable {
  readonly path: string;
  /** Where Sonde's state and sockets are below it. */
  readonly environment: Readonly<Record<'SONDE_STATE' | 'SONDE_RUN', string>>;
  write(name: string, text: string): string;
}

export function workplace(): Workplace {
  const path = mkdtempSync(join(tmpdir(), 'sonde-work-'));
  chmodSync(path, 0o755);
  const environment = { SONDE_STATE: join(path, 'state'), SONDE_RUN: join(path, 'run') };
  mkdirSync(environment.SONDE_STATE);
  return {
    path,
    environment,
    write(name, text) {
      writeFileSync(join(path, name), text);
      return join(path, name);
    },
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
    },
  };
}
