/**
 * Kills a hub with -9 at random moments while agents send, directly and through something that re-batches and
 * repeats as a collector may. Afterwards every record that was acknowledged is stored exactly once.
 */

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { prng, type Prng } from '../src/lib/prng.ts';
import { flow, logsRequest, wires, type FlatRecord } from './otlp.ts';

const sendersMax = 4;
const settleMsMax = 180_000;

/** Killed and started again under the eyes of its senders. */
class KilledHub {
  readonly folder = mkdtempSync(join(tmpdir(), 'sonde-kills-'));
  url: string | undefined;
  said = '';
  #child: ChildProcess | undefined;

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const program = join(import.meta.dirname, 'hub-process.ts');
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, this.folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.on('data', (text: Buffer) => (this.said += text.toString()));
    const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
    const ended = once(child, 'exit').then(() => assert.fail(`the hub ended:\n${this.said}`));
    ended.catch(() => undefined); // later it ends because it is killed
    [this.url] = await Promise.race([line, ended]);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.url = undefined;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface Sender {
  readonly acknowledged: Set<number>;
  readonly refusals: Map<number, number>;
}

/** Sends records in changing batches, some of them again, until told to stop and all is acknowledged. */
async function send(
  hub: KilledHub,
  { instance, chance, stop }: { instance: string; chance: Prng; stop: AbortSignal },
): Promise<Sender> {
  const sender: Sender = { acknowledged: new Set(), refusals: new Map() };
  const now = new Date().toISOString();
  let waiting: FlatRecord[] = [];
  let sequence = 0;
  while (!stop.aborted || waiting.length > 0) {
    if (!stop.aborted) {
      for (let n = chance.below(20); n > 0; n--) {
        waiting.push(
          flow(++sequence, { 'agent.instance': instance, 'window.start': now, 'window.end': now, time: now }),
        );
      }
    }
    const size = 1 + chance.below(30);
    const batch = chance.below(2) === 0 ? waiting.slice(0, size) : waiting.slice(-size).reverse();
    if (sequence > 0 && chance.below(4) === 0) batch.push(flowAgain(1 + chance.below(sequence)));
    if (await post(hub, batch, { chance, sender })) {
      for (const record of batch) sender.acknowledged.add(Number(record['record.sequence']));
      waiting = waiting.filter((record) => !batch.includes(record));
    } else await sleep(20);
    await sleep(chance.below(10));
  }
  return sender;

  function flowAgain(number: number): FlatRecord {
    return flow(number, { 'agent.instance': instance, 'window.start': now, 'window.end': now, time: now });
  }
}

async function post(
  hub: KilledHub,
  batch: readonly FlatRecord[],
  { chance, sender }: { chance: Prng; sender: Sender },
): Promise<boolean> {
  const wire = wires[chance.below(wires.length)];
  if (hub.url === undefined || !wire) return false;
  const { body, headers } = logsRequest(batch, wire);
  try {
    const answer = await fetch(`${hub.url}/v1/logs`, { method: 'POST', body: new Uint8Array(body), headers });
    const bytes = await answer.bytes();
    if (!answer.ok) sender.refusals.set(answer.status, (sender.refusals.get(answer.status) ?? 0) + 1);
    else assert.ok(bytes.length === 0 || Buffer.from(bytes).toString() === '{}', 'nothing is rejected');
    return answer.ok;
  } catch (error) {
    assert.ok(error instanceof TypeError, String(error)); // fetch: the connection broke
    return false;
  }
}

interface StoredLine {
  readonly id: string;
  readonly records: readonly (readonly [instance: string, sequence: number])[];
}

/** How often each record is stored, blocks of the same id counted once. They must be the same then. */
function storedCounts(folder: string): Map<string, number> {
  const file = join(folder, 'stored.jsonl');
  const blocks = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []) {
    const { id, records } = JSON.parse(line) as StoredLine;
    const text = JSON.stringify(records);
    const before = blocks.get(id);
    assert.equal(before ?? text, text, `block ${id} is replayed unchanged`);
    if (before !== undefined) continue;
    blocks.set(id, text);
    for (const [instance, sequence] of records) {
      const key = `${instance} ${sequence}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

/** What was seen, for the test's diagnostics. */
export async function killHub(kills: number, seed: number): Promise<string> {
  await using hub = new KilledHub();
  await hub.start();
  const stop = new AbortController();
  const senders = Array.from({ length: sendersMax }, (_, n) =>
    send(hub, { instance: `agent-${n}`, chance: prng(seed + 1 + n), stop: stop.signal }),
  );
  const chance = prng(seed);
  try {
    for (let n = 0; n < kills; n++) {
      await sleep(chance.below(700));
      await hub.end('SIGKILL');
      await hub.start();
    }
  } finally {
    stop.abort();
  }
  const results = await Promise.all(senders);
  const wanted = new Set(
    results.flatMap(({ acknowledged }, n) => [...acknowledged].map((s) => `agent-${n} ${s}`)),
  );
  const endMs = Date.now() + settleMsMax;
  while (storedCounts(hub.folder).size < wanted.size && Date.now() < endMs) await sleep(100);
  await hub.end('SIGTERM');
  const counts = storedCounts(hub.folder);
  assert.deepEqual([...wanted].filter((key) => !counts.has(key)).slice(0, 10), [], 'lost');
  assert.deepEqual([...counts].filter(([, count]) => count !== 1).slice(0, 10), [], 'twice');
  assert.deepEqual(
    [...counts.keys()].filter((key) => !wanted.has(key)).slice(0, 10),
    [],
    'never acknowledged',
  );
  const refusals = results
    .flatMap((each) => [...each.refusals].map(([status, n]) => `${status}×${n}`))
    .join(' ');
  return `${wanted.size} records, ${kills} kills, refusals: ${refusals || 'none'}`;
}
