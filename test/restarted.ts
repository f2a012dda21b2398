/** Agents that a test kills: one after the other, of one instance, on one spool, below one BPF file system. */

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChurnTruth } from '../lab/churn.ts';
import type { FlowRecord } from '../src/model/record.ts';
import { bpffsPath } from '../src/agent/kernel/pins.ts';
import { committedWindows, type CommittedWindow } from './file-delivery.ts';
import type { Moment } from './killed-agent.ts';
import { eventually } from './rig.ts';
import { assertBalance, flowSums, truthSums } from './truth.ts';

const patienceMs = Number(process.env['SONDE_PATIENCE_MS'] ?? 60_000);

/** Whole windows, one after the other, of one generation. */
export function assertWhole(windows: readonly CommittedWindow[]): void {
  assert.deepEqual(
    windows.map(({ number }) => number),
    windows.map((_, index) => index + 1),
  );
  assert.equal(new Set(windows.map(({ closing }) => closing['agent.id'])).size, 1);
  windows.slice(1).forEach(({ closing }, index) => {
    assert.equal(closing['window.start'], windows[index]?.closing['window.end']);
  });
}

export function flowsOf(windows: readonly CommittedWindow[]): FlowRecord[] {
  return windows.flatMap(({ records }) => records.filter((record) => record['event.name'] === 'sonde.flow'));
}

export function assertTruth(windows: readonly CommittedWindow[], truths: readonly ChurnTruth[]): void {
  for (const process of truths.flatMap((t) => t.processes)) assert.deepEqual(process.unexpected, {});
  const flows = flowsOf(windows);
  const churned = flows.filter((flow) => flow['destination.port'] !== 7000);
  assert.deepEqual(flowSums(churned), truthSums(truths));
  assertBalance(
    windows.map(({ closing }) => closing),
    flows,
  );
  for (const { closing } of windows.slice(-2)) {
    assert.ok(closing['coverage.namespaces'].length > 0);
    for (const coverage of closing['coverage.namespaces'])
      assert.deepEqual(coverage.difference, {}, JSON.stringify(coverage));
  }
}

/** One process. */
export interface Life {
  readonly said: () => string;
  /** Resolves when it counts. */
  opened(): Promise<void>;
  /** Resolves when it has ended, with its code or signal. */
  ended(): Promise<string>;
  send(signal: 'SIGSTOP' | 'SIGCONT'): void;
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<string>;
}

export interface StartOptions {
  /** At which step of closing which window. */
  readonly dies?: { readonly moment: Moment; readonly window: number };
  readonly environment?: Readonly<Record<string, string>>;
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

  start(settings: Record<string, unknown>, { dies, environment = {} }: StartOptions = {}): Life {
    const config = join(this.folder, 'agent.json');
    writeFileSync(
      config,
      JSON.stringify({ instance: this.instance, window: '200ms', profile: 'connections', ...settings }),
    );
    const program = join(import.meta.dirname, 'killed-agent.ts');
    const how = dies ? [dies.moment, String(dies.window)] : [];
    const child = spawn(process.execPath, [program, config, this.#spool, ...how], {
      env: { ...process.env, SONDE_STATE: this.folder, ...environment },
    });
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
      send: (signal) => void child.kill(signal),
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
