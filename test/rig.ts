/** An agent for tests: the real one, in this process, with a real exporter into a temporary file. */

import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent } from '../src/agent/agent.ts';
import { parseConfig } from '../src/agent/config.ts';
import { runAgent } from '../src/agent/main.ts';
import type { ConnectionRecord, FlowRecord, SondeRecord, WindowRecord } from '../src/model/record.ts';

export type Rig = AsyncDisposable & {
  readonly agent: Agent;
  /** Everything watched so far, in order. */
  readonly connections: readonly ConnectionRecord[];
  readonly windows: readonly WindowRecord[];
  /** What the exporter has written so far. */
  records(): SondeRecord[];
  flows(): FlowRecord[];
  /** The next window to close after now, as soon as its records are written. */
  nextWindow(): Promise<WindowRecord>;
  /** Ends the agent and waits for its last window. */
  stop(): Promise<void>;
};

export interface RigOptions {
  /** Every connection as an event: on by default. */
  readonly watch?: boolean;
}

/** What kernels before 6.10 lack, and say at every start. */
const lackOfKernel = 'without the signal refusals ';

/** Starts an agent of an instance of its own. Losses that it logs fail the test that awaits `stop`. */
export async function startRig(
  settings: Record<string, unknown> & { readonly exporters?: Readonly<Record<string, unknown>> } = {},
  options: RigOptions = {},
): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-rig-'));
  const file = join(folder, 'records.jsonl');
  const instance = `test-${randomBytes(4).toString('hex')}`;
  const config = await parseConfig(
    {
      instance,
      window: '1s',
      profile: 'connections',
      budget: { cpu: '1000%', memory: '64GB' }, // this process does the test's work too
      ...settings,
      exporters: { ...settings.exporters, jsonl: { path: file, max_size: '10GB' } },
    },
    'the test',
  );
  const stopping = new AbortController();
  const connections: ConnectionRecord[] = [];
  const windows: WindowRecord[] = [];
  const waiting: ((record: WindowRecord) => void)[] = [];
  const warnings: string[] = [];
  const warn = (line: string) => {
    if (!line.startsWith(lackOfKernel)) warnings.push(line);
  };
  const opened = Promise.withResolvers<Agent>();
  const running = runAgent(config, stopping.signal, {
    log: { info: () => undefined, warn },
    stateFolder: join(folder, 'state'),
    onOpen: opened.resolve,
  });
  running.catch(opened.reject);
  const agent = await opened.promise;
  agent.observe((record) => {
    windows.push(record);
    for (const resolve of waiting.splice(0)) resolve(record);
  });
  if (options.watch !== false) {
    agent.watch({
      record(record) {
        if (record['event.name'] === 'sonde.connection') connections.push(record);
      },
    });
  }

  function records(): SondeRecord[] {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as SondeRecord);
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await running;
    if (warnings.length > 0) throw new Error(`the agent warned: ${warnings.join('; ')}`);
  }

  return {
    agent,
    connections,
    windows,
    records,
    flows: () => records().filter((record) => record['event.name'] === 'sonde.flow'),
    async nextWindow() {
      const window = await new Promise<WindowRecord>((resolve) => waiting.push(resolve));
      await eventually(() => agent.status().exporters['jsonl']?.behindRecords === 0, 30_000);
      return window;
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when it holds, looked at every 20 ms; false when it does not within the time. */
export async function eventually(holds: () => boolean, withinMs: number): Promise<boolean> {
  for (const end = Date.now() + withinMs; Date.now() < end;) {
    if (holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return holds();
}
