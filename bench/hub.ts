/**
 * What a hub takes: requests of a fleet's agents, encoded before, sent as fast as it answers, until all of it
 * is stored. Hub and embedded engine are the real ones; the sender is on the same CPUs.
 */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeHub, type RealHub } from '../test/real-hub.ts';
import { flow, logsRequest, plainWire, windowEnd, type FlatRecord, type Posted } from '../test/otlp.ts';
import { cpuSeconds, memoryOf } from './process.ts';
import { series } from './series.ts';
import type { Block } from './table.ts';

export const hubTargets = { flowsPerSecond: 20_000, hubMegabytes: 400 } as const;

const fleet = { agents: 1000, rowsPerWindow: 200, windows: 3 } as const;
/** Requests under way at a time: of a thousand agents that have just closed a window, a part. */
const senders = 100;
const windowMs = 10_000;
const dueTriesMax = 120;

/** Owners, destinations and states in numbers as a busy node has them. */
function rowOf(agent: number, window: number, row: number, startMs: number): FlatRecord {
  const times = {
    'window.number': window + 1,
    'window.start': new Date(startMs).toISOString(),
    'window.end': new Date(startMs + windowMs).toISOString(),
    time: new Date(startMs + windowMs).toISOString(),
  };
  const emitter = { 'host.name': `node-${String(agent)}`, 'boot.id': `boot-${String(agent)}` };
  const sequence = window * (fleet.rowsPerWindow + 1) + row + 1;
  if (row === fleet.rowsPerWindow) return windowEnd(sequence, { ...times, ...emitter });
  return flow(sequence, {
    ...times,
    ...emitter,
    'process.name': `service-${String(row % 20)}`,
    'destination.ip': `10.${String(agent % 250)}.${String(row % 50)}.${String(row % 7)}`,
    'destination.port': 1000 + (row % 40),
    'connection.state': row % 10 === 0 ? 'refused' : 'closed',
    'bytes.sent': 1000 + ((agent * 7919 + row * 104_729) % 100_000),
  });
}

function encode(say: (line: string) => void): Posted[] {
  const newestMs = Math.floor(Date.now() / windowMs) * windowMs - fleet.windows * windowMs;
  const requests: Posted[] = [];
  for (let window = 0; window < fleet.windows; window++) {
    say(`  encoding window ${String(window + 1)} of ${String(fleet.windows)}`);
    for (let agent = 0; agent < fleet.agents; agent++) {
      const rows = Array.from({ length: fleet.rowsPerWindow + 1 }, (_, row) =>
        rowOf(agent, window, row, newestMs + window * windowMs),
      );
      requests.push(logsRequest(rows, plainWire));
    }
  }
  return requests;
}

async function sendAll(url: string, requests: readonly Posted[]): Promise<void> {
  let next = 0;
  const send = async (): Promise<void> => {
    for (let request = requests[next++]; request; request = requests[next++]) {
      for (;;) {
        const response = await fetch(`${url}/v1/logs`, { method: 'POST', ...request });
        await response.arrayBuffer();
        if (response.ok) break;
        if (response.status !== 429 && response.status !== 503)
          throw new Error(`it says ${String(response.status)}`);
        await sleep(200);
      }
    }
  };
  await Promise.all(Array.from({ length: senders }, send));
}

interface Status {
  readonly engine: { readonly pid: number };
  readonly journal: { readonly pendingBlocks: number };
}

async function statusOf(url: string): Promise<Status> {
  const response = await fetch(`${url}/api/v1/status`);
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as Status;
}

/** Seconds of windows that an answer rests on; of whatever question is asked first. */
async function storedSeconds(url: string): Promise<number> {
  const { questions } = (await (await fetch(`${url}/api/v1/questions`)).json()) as {
    questions: readonly { id: string }[];
  };
  const response = await fetch(`${url}/api/v1/questions/${questions[0]?.id ?? ''}?since=1h`);
  if (!response.ok) throw new Error(await response.text());
  const { coverage } = (await response.json()) as { coverage: { seconds: { part: number } } };
  return coverage.seconds.part;
}

function hubPid(enginePid: number): number {
  const stat = readFileSync(`/proc/${String(enginePid)}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

interface Sample {
  readonly perSecond: number;
  readonly hubCores: number;
  readonly engineCores: number;
  readonly hubMb: number;
  readonly engineMb: number;
}

async function sample(hub: RealHub, requests: readonly Posted[]): Promise<Sample> {
  const { engine } = await statusOf(hub.url);
  const pids = { hub: hubPid(engine.pid), engine: engine.pid };
  const before = { hub: cpuSeconds(pids.hub), engine: cpuSeconds(pids.engine) };
  const at = performance.now();
  await sendAll(hub.url, requests);
  while ((await statusOf(hub.url)).journal.pendingBlocks > 0) await sleep(50);
  const elapsedS = (performance.now() - at) / 1000;
  const cores = {
    hub: (cpuSeconds(pids.hub) - before.hub) / elapsedS,
    engine: (cpuSeconds(pids.engine) - before.engine) / elapsedS,
  };
  const wanted = fleet.agents * fleet.windows * (windowMs / 1000);
  // What is not due yet is not counted; after this the figures are taken.
  let seconds = await storedSeconds(hub.url);
  for (let tries = 0; seconds !== wanted && tries < dueTriesMax; tries++) {
    await sleep(1000);
    seconds = await storedSeconds(hub.url);
  }
  if (seconds !== wanted) throw new Error(`${String(seconds)} s of windows are stored, of ${String(wanted)}`);
  return {
    perSecond: (fleet.agents * fleet.windows * fleet.rowsPerWindow) / elapsedS,
    hubCores: cores.hub,
    engineCores: cores.engine,
    hubMb: memoryOf(pids.hub).peakMb,
    engineMb: memoryOf(pids.engine).peakMb,
  };
}

export async function hubThroughput(runs: number, say: (line: string) => void): Promise<Block> {
  const samples: Sample[] = [];
  for (let run = 1; run <= runs; run++) {
    const requests = encode(say);
    await using hub = await makeHub('detect: { enabled: false }\n', '1GiB');
    await hub.start();
    const taken = await sample(hub, requests);
    samples.push(taken);
    const { perSecond, hubCores, hubMb, engineCores, engineMb } = taken;
    say(`  ${String(run)}/${String(runs)} ${perSecond.toFixed(0)} flow rows/s`);
    say(`    hub ${hubCores.toFixed(2)} cores, ${hubMb.toFixed(0)} MB`);
    say(`    engine ${engineCores.toFixed(2)} cores, ${engineMb.toFixed(0)} MB`);
  }
  const of = (value: (of: Sample) => number) => series(samples.map(value));
  const [rate, memory] = [of((s) => s.perSecond), of((s) => s.hubMb)];
  const verdict = (isMet: boolean, wanted: string) => `wanted ${wanted}: ${isMet ? 'met' : 'missed'}`;
  const { flowsPerSecond, hubMegabytes } = hubTargets;
  const { agents, rowsPerWindow, windows } = fleet;
  return {
    title: `Hub and engine: ${agents} agents, ${rowsPerWindow} flow rows in each of ${windows} windows`,
    unit: 'rows/s, cores, MB',
    rows: [
      {
        name: 'flow rows',
        ...rate,
        note: verdict(rate.median >= flowsPerSecond, `at least ${String(flowsPerSecond)}`),
      },
      { name: 'hub, cores', ...of((s) => s.hubCores) },
      { name: 'engine, cores', ...of((s) => s.engineCores) },
      {
        name: 'hub, most RSS',
        ...memory,
        note: verdict(memory.median < hubMegabytes, `under ${String(hubMegabytes)}`),
      },
      { name: 'engine, most RSS', ...of((s) => s.engineMb) },
    ],
  };
}
