/**
 * The agent as a service, under load and under all that can go wrong around it: its receiver is away,
 * refuses, is slow, hangs, breaks off before and after it has taken a request, asks for patience; the agent
 * is killed again and again; its disk is full for a while; the wall clock is an hour off, and back; network
 * namespaces come and go. Afterwards the receiver has exactly what was done, each record once by its name.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { ChurnTruth } from '../lab/churn.ts';
import { Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import { entropySeed, prng, type Prng } from '../src/lib/prng.ts';
import { Daemon, workplace } from './daemons.ts';
import { plainOf, readLogsRequest } from './otlp-reader.ts';
import { eventually } from './rig.ts';
import { churn, flowSums, truthSums, type Told } from './truth.ts';

const kills = Number(process.env['SONDE_SOAK_KILLS'] ?? 50);
const awayMs = Number(process.env['SONDE_SOAK_AWAY_MS'] ?? 120_000);
const fullMs = Number(process.env['SONDE_SOAK_FULL_MS'] ?? 20_000);
const rate = 1000;
const settleMsMax = 240_000;
/** Of the file system on which the agent has its state. */
const diskBytes = 64 << 20;

type Fields = Readonly<Record<string, unknown>>;

/** What a receiver may do to a request. It keeps what it has taken, whether or not the agent learns of it. */
const manners = ['take', 'slow', 'hang', '503', '429', 'cut before', 'cut after'] as const;

class Receiver implements AsyncDisposable {
  readonly #taken = new Map<string, Fields>();
  readonly #random: Prng;
  #server: Server | undefined;
  /** Deliveries of a record beyond its first. */
  again = 0;
  /** Takes everything from now on; of the first it does not say so. */
  isKind = false;
  #hasCut = false;
  port = 0;

  constructor(random: Prng) {
    this.#random = random;
  }

  get records(): Fields[] {
    return [...this.#taken.values()];
  }

  async open(): Promise<void> {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  #take(body: Buffer): void {
    for (const record of readLogsRequest(gunzipSync(body))) {
      const fields = plainOf(record);
      const name = JSON.stringify(['boot.id', 'agent.instance', 'record.sequence'].map((key) => fields[key]));
      if (this.#taken.has(name)) this.again++;
      this.#taken.set(name, fields);
    }
  }

  #kindly(): (typeof manners)[number] {
    const manner = this.#hasCut ? 'take' : 'cut after';
    this.#hasCut = true;
    return manner;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const manner = this.isKind ? this.#kindly() : (manners[this.#random.below(manners.length)] ?? 'take');
    if (manner === 'cut before') {
      request.socket.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return; // the agent was killed in the midst of it
    }
    if (manner === 'hang') return;
    if (manner === '503' || manner === '429') {
      response.writeHead(Number(manner), manner === '429' ? { 'retry-after': '1' } : {}).end();
      return;
    }
    if (manner === 'slow') await sleep(1500);
    this.#take(Buffer.concat(chunks));
    if (manner === 'cut after') request.socket.destroy();
    else response.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A file system of its own, so that it can be full. */
function smallDisk(folder: string): Disposable & { fill(): void; free(): void } {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(diskBytes)}`, 'tmpfs', folder]);
  const ballast = join(folder, 'ballast');
  return {
    fill() {
      const { bavail, bsize } = statfsSync(folder);
      try {
        writeFileSync(ballast, Buffer.alloc(bavail * bsize));
      } catch (error) {
        // The agent wrote meanwhile: it is full all the same.
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    },
    free() {
      rmSync(ballast, { force: true });
    },
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', folder]);
    },
  };
}

/** Namespaces that are gone again before anybody has looked. */
async function comeAndGo(until: AbortSignal): Promise<number> {
  let count = 0;
  for (; !until.aborted; count++) {
    await using namespace = await Namespace.open(`brief-${String(count % 10)}`);
    await using actor = await namespace.actor('brief');
    const socket = await actor.socket();
    await actor.connect(socket, { ip: '127.0.0.1', port: 9 }).catch(() => undefined);
    await sleep(100);
  }
  return count;
}

/** Debian's libfaketime: what the clock says to the agent is written in a file. */
const [library = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');

test('all of it at once', { timeout: 1_800_000 }, async (t) => {
  const seed = Number(process.env['SONDE_SOAK_SEED'] ?? entropySeed());
  t.diagnostic(`SONDE_SOAK_SEED=${String(seed)}`);
  const chance = prng(seed);
  using folder = workplace();
  using disk = smallDisk(folder.environment.SONDE_STATE);
  await using stage = new Stage();
  const at = await stage.namespace('one');
  await using receiver = new Receiver(prng(seed + 1));
  await receiver.open();
  const clockFile = folder.write('clock', '+0\n');
  const config = folder.write(
    'agent.yaml',
    JSON.stringify({
      instance: `soak-${String(receiver.port)}`,
      window: '1s',
      profile: 'connections',
      limits: { events_per_second: 1 },
      exporters: {
        otlp: { endpoint: `http://127.0.0.1:${String(receiver.port)}`, names: 'canonical', timeout: '2s' },
      },
    }),
  );
  await using agent = new Daemon(['agent', '--config', config], {
    ...folder.environment,
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  });
  agent.start();
  const hasTold = () => receiver.records.some((record) => record['event.name'] === 'sonde.window');
  assert.ok(await eventually(hasTold, 60_000), agent.said);

  const over = new AbortController();
  const truths: ChurnTruth[] = [];
  const load = (async () => {
    while (!over.signal.aborted)
      truths.push(...(await churn({ netns: at.path, tag: 'soak', perTarget: 200, rate })));
  })();
  const brief = comeAndGo(over.signal);
  const faults = [
    (async () => {
      for (let i = 0; i < kills; i++) {
        await sleep(300 + chance.below(4000));
        assert.equal(await agent.end('SIGKILL'), 'SIGKILL', agent.said);
        agent.start();
      }
    })(),
    (async () => {
      await sleep(5000);
      await receiver.close();
      await sleep(awayMs);
      await receiver.open();
    })(),
    (async () => {
      await sleep(10_000);
      disk.fill();
      await sleep(fullMs);
      disk.free();
    })(),
    (async () => {
      for (const offset of ['+3600', '+0', '-3600', '+0']) {
        await sleep(8000);
        writeFileSync(clockFile, `${offset}\n`);
      }
    })(),
  ];
  await Promise.all(faults);
  over.abort();
  await load;
  t.diagnostic(`${String(kills)} kills, ${String(await brief)} namespaces came and went`);
  receiver.isKind = true;

  const churned = () =>
    receiver.records.filter(
      (record) => record['event.name'] === 'sonde.flow' && /^(cli|srv)-/.test(String(record['process.name'])),
    ) as unknown as Told[];
  const expected = truthSums(truths);
  const isWhole = () => isDeepStrictEqual(flowSums(churned()), expected);
  await eventually(isWhole, settleMsMax);
  t.diagnostic(`${String(receiver.records.length)} records, ${String(receiver.again)} of them came again`);
  assert.deepEqual(flowSums(churned()), expected, agent.said.slice(-4000));
  const windows = receiver.records.filter((record) => record['event.name'] === 'sonde.window');
  const reasons = new Set(windows.flatMap((window) => Object.keys(window['lost'] as Record<string, number>)));
  // Single events over their limit or on a full disk, and what was to be asked of a namespace that is gone.
  const harmless = /^(kernel\.events_\w+|enrich\.\w+|deliver\.spool\.write_failed)$/;
  assert.deepEqual(
    [...reasons].filter((reason) => !harmless.test(reason)),
    [],
  );
  assert.ok(receiver.again > 0, 'something was delivered twice, and told by its name');
  for (const { unexpected, process } of truths.flatMap((truth) => truth.processes))
    assert.deepEqual(unexpected, {}, process);
});
