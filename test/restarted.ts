/** Agents that a test kills: one after the other, of one instance, on one spool, below one BPF file system. */

import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bpffsPath } from '../src/agent/kernel/pins.ts';
import { committedWindows, type CommittedWindow } from './file-delivery.ts';
import type { Moment } from './killed-agent.ts';
import { eventually } from './rig.ts';

const patienceMs = Number(process.env['SONDE_PATIENCE_MS'] ?? 60_000);

/** One process. */
export interface Life {
  readonly said: () => string;
  /** Resolves when it counts. */
  opened(): Promise<void>;
  /** Resolves when it has ended, with its code or signal. */
  ended(): Promise<string>;
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<string>;
}

export class Restarted implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'sonde-restart-'));
  readonly instance = `test-${randomBytes(4).toString('hex')}`;
  readonly pins = `${bpffsPath()}/sonde/${this.instance}`;
  readonly #spool = join(this.folder, 'windows.jsonl');
  readonly #children = new Set<ChildProcess>();

  windows(): CommittedWindow[] {
    return committedWindows(this.#spool);
  }

  forgetSpool(): void {
    rmSync(this.#spool);
  }

  /** Names of the generations that are pinned. */
  generations(): string[] {
    return existsSync(this.pins) ? readdirSync(this.pins) : [];
  }

  start(settings: Record<string, unknown>, dies?: { moment: Moment; window: number }): Life {
    const config = join(this.folder, 'agent.json');
    writeFileSync(
      config,
      JSON.stringify({ instance: this.instance, window: '200ms', profile: 'connections', ...settings }),
    );
    const program = join(import.meta.dirname, 'killed-agent.ts');
    const how = dies ? [dies.moment, String(dies.window)] : [];
    const child = spawn(process.execPath, [program, config, this.#spool, ...how]);
    this.#children.add(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (text += String(bytes)));
    const exit = once(child, 'close') as Promise<[number | null, string | null]>;
    const ended = exit.then(([code, signal]) => String(code ?? signal));
    const opened = () => /^open$/m.test(text);
    return {
      said: () => text,
      async opened() {
        const done = () => opened() || child.exitCode !== null || child.signalCode !== null;
        if (!(await eventually(done, patienceMs)) || !opened()) throw new Error(`it did not open: ${text}`);
      },
      ended: () => ended,
      end(signal) {
        child.kill(signal);
        return ended;
      },
    };
  }

  /** Waits until that many windows are committed. */
  async told(count: number): Promise<void> {
    if (!(await eventually(() => this.windows().length >= count, patienceMs)))
      throw new Error(`only ${String(this.windows().length)} windows came`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    for (const generation of this.generations())
      rmSync(join(this.pins, generation), { recursive: true, force: true });
    rmSync(this.pins, { recursive: true, force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }
}
