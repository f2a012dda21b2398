/** A real hub as a process of its own, with an embedded store in a folder that goes with it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../src/hub/engine/engine.ts';

const program = join(import.meta.dirname, '../bin/sonde');
const readyMsMax = 120_000;
/** A hub that does not end by itself must not hold a test. */
const stopMsMax = 60_000;
const pauseMs = 100;

export interface RealHub extends AsyncDisposable {
  readonly url: string;
  /** Its folder. */
  readonly data: string;
  /** Starts it, or starts it again on the same data; returns when it can answer. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Records in OTLP/JSON, as an agent sends them. Returns when they are taken. */
  send(records: readonly RecordFields[]): Promise<void>;
}

type Field = string | number | boolean | readonly Field[] | { readonly [name: string]: Field };
export type RecordFields = Readonly<Record<string, Field>> & {
  readonly 'event.name': string;
  readonly time: string;
};

/** OTLP's AnyValue in JSON: whole numbers are text. */
function anyValue(value: Field): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  if (Array.isArray(value)) return { arrayValue: { values: (value as readonly Field[]).map(anyValue) } };
  return { kvlistValue: { values: attributes(value as Readonly<Record<string, Field>>) } };
}

function attributes(fields: Readonly<Record<string, Field>>): object[] {
  return Object.entries(fields).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function logsRequest(records: readonly RecordFields[]): string {
  const logRecords = records.map(({ 'event.name': eventName, time, ...fields }) => ({
    eventName,
    timeUnixNano: `${Date.parse(time)}000000`,
    attributes: attributes(fields),
  }));
  return JSON.stringify({ resourceLogs: [{ resource: {}, scopeLogs: [{ scope: {}, logRecords }] }] });
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`);
    await response.arrayBuffer();
    return response.ok;
  } catch (error) {
    // Nobody listens yet.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** `more`: lines of hub.yaml. */
export async function makeHub(more = '', memory = '512MiB'): Promise<RealHub> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-hub-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(folder, 'hub.yaml');
  const data = join(folder, 'hub');
  writeFileSync(config, `listen: 127.0.0.1:${port}\ndata: ${data}\nembedded: { memory: ${memory} }\n${more}`);
  let child: ChildProcess | undefined;
  let said = '';

  async function stop(): Promise<void> {
    if (child === undefined) return;
    const stopping = child;
    stopping.kill('SIGTERM');
    const late = setTimeout(() => stopping.kill('SIGKILL'), stopMsMax);
    await exited(stopping);
    clearTimeout(late);
    child = undefined;
  }

  async function start(): Promise<void> {
    // Its input ends when this process does, whatever happens here.
    child = spawn(program, ['hub', '--config', config, '--until-eof'], { stdio: ['pipe', 'ignore', 'pipe'] });
    child.stderr?.on('data', (chunk) => (said = `${said}${String(chunk)}`.slice(-10_000)));
    const end = process.hrtime.bigint() + BigInt(readyMsMax) * 1_000_000n;
    while (!(await isReady(url))) {
      if (child.exitCode !== null) throw new Error(`the hub ended with ${child.exitCode}: ${said}`);
      if (process.hrtime.bigint() > end) throw new Error(`the hub is not ready: ${said}`);
      await sleep(pauseMs);
    }
  }

  return {
    url,
    data,
    start,
    stop,
    async send(records) {
      const response = await fetch(`${url}/v1/logs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: logsRequest(records),
      });
      const text = await response.text();
      if (!response.ok || text.includes('rejectedLogRecords')) throw new Error(`${response.status} ${text}`);
    },
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
