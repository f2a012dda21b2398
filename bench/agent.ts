/** The real agent, as an operator starts it, with an instance, a socket and a file of records of its own. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SondeRecord } from '../src/model/record.ts';

const startWithinMs = 20_000;

/** What the agent's records say of the churn. */
export type Told = {
  /** Ends of connections, both sides, by flow records. */
  readonly ended: number;
  /** Single connections told, both moments of both sides. */
  readonly events: number;
  readonly lost: Readonly<Record<string, number>>;
};

export type AgentSettings = Readonly<Record<string, unknown>>;

/** Undefined: nobody answers yet. */
async function statusAt(socket: string): Promise<unknown> {
  const client = connect(socket);
  try {
    await once(client, 'connect');
    client.end('{"ask":"status"}\n');
    for await (const line of createInterface(client))
      return (JSON.parse(line) as { status?: unknown }).status;
    return undefined;
  } catch {
    return undefined;
  } finally {
    client.destroy();
  }
}

export class AgentProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
  }

  /** Resolves when it counts. `settings` are keys of agent.yaml; without any, all is at its default. */
  static async start(settings: AgentSettings = {}): Promise<AgentProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
    const exporters = { jsonl: { path: join(folder, 'records.jsonl'), max_size: '10GB' } };
    const config = join(folder, 'agent.yaml');
    writeFileSync(config, JSON.stringify({ instance: 'bench', ...settings, exporters })); // JSON is YAML
    const child = spawn(join(import.meta.dirname, '../bin/sonde'), ['agent', '--config', config], {
      env: { ...process.env, SONDE_RUN: folder, SONDE_STATE: folder },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const agent = new AgentProcess(child, folder);
    const end = Date.now() + startWithinMs;
    while ((await statusAt(join(folder, 'bench.sock'))) === undefined) {
      if (child.exitCode !== null || Date.now() > end) {
        await agent[Symbol.asyncDispose]();
        throw new Error('the agent did not start');
      }
      await sleep(50);
    }
    return agent;
  }

  /** As it answers `sonde status`. */
  status(): Promise<unknown> {
    return statusAt(join(this.#folder, 'bench.sock'));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Ends it as an operator does; it delivers its last window before it goes. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }

  /** Reads what was delivered so far about connections to this port. */
  async told(port: number): Promise<Told> {
    const lost: Record<string, number> = {};
    let ended = 0;
    let events = 0;
    const file = join(this.#folder, 'records.jsonl');
    if (!existsSync(file)) return { ended, events, lost };
    for await (const line of createInterface(createReadStream(file))) {
      if (!line.endsWith('}')) break; // being written
      const record = JSON.parse(line) as SondeRecord;
      if (record['event.name'] === 'sonde.window') {
        for (const [reason, count] of Object.entries(record.lost)) lost[reason] = (lost[reason] ?? 0) + count;
      } else if ('destination.port' in record && record['destination.port'] === port) {
        if (record['event.name'] === 'sonde.connection') events++;
        else if (record['event.name'] === 'sonde.flow') ended += record['connections.ended'];
      }
    }
    return { ended, events, lost };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
