/** How long connections wait for accept(), in namespaces of their own. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Actor } from '../lab/actor.ts';
import type { Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import { artefacts, loadNative } from '../src/agent/kernel/native.ts';
import { castsPointers } from '../src/agent/kernel/signals.ts';
import type { ListenerRecord } from '../src/model/record.ts';
import { eventually, startRig, type Rig } from './rig.ts';

const native = loadNative(artefacts());
const skip = castsPointers(native) ? false : 'this kernel does not let programs read accept queues';
const ip = '127.0.0.1';
/** Of the kernel's clock each reading may be one tick behind. */
const ticksMs = (2 * native.tickNs()) / 1e6;
const patienceMs = 30_000;

interface Connected {
  /** Monotonic, around the handshake. */
  readonly beforeMs: number;
  readonly afterMs: number;
}

async function connect(client: Actor, port: number): Promise<Connected> {
  const socket = await client.socket();
  const beforeMs = performance.now();
  await client.connect(socket, { ip, port });
  return { beforeMs, afterMs: performance.now() };
}

function toldOf(rig: Rig, port: number): ListenerRecord[] {
  return rig
    .records()
    .filter((record) => record['event.name'] === 'sonde.listener')
    .filter((record) => record['destination.port'] === port);
}

interface Queues {
  readonly rig: Rig;
  readonly connected: Readonly<Record<'lazy' | 'late', Connected>>;
  /** Monotonic, around the last sweep. */
  readonly endedMs: readonly [number, number];
  readonly pids: Readonly<Record<'lazy' | 'late', number>>;
}

async function listening(stage: Stage, at: Namespace, name: string, port: number) {
  return stage.listening({ at, ip, port, name });
}

const ports = { lazy: 7001, late: 7002, prompt: 7003, idle: 7004 };

/**
 * `lazy` has three in its queue, `late` accepted the first of two, `prompt` all, and to `idle` nobody came.
 * `connected` are those that wait longest.
 */
async function queues(stage: Stage): Promise<Queues> {
  const at = await stage.namespace();
  const rig = await startRig({ window: '10m', namespaces: [at.path] });
  try {
    const lazy = await listening(stage, at, 'lazy', ports.lazy);
    const late = await listening(stage, at, 'late', ports.late);
    const prompt = await listening(stage, at, 'prompt', ports.prompt);
    await listening(stage, at, 'idle', ports.idle);
    const client = await at.actor('client');
    const first = await connect(client, ports.lazy);
    await connect(client, ports.late);
    await connect(client, ports.prompt);
    await setTimeout(100 + 4 * ticksMs);
    for (let i = 0; i < 2; i++) await connect(client, ports.lazy);
    const second = await connect(client, ports.late);
    await late.server.accept(late.listener);
    await prompt.server.accept(prompt.listener);
    await setTimeout(50);
    const stopMs = performance.now();
    await rig.stop();
    return {
      rig,
      connected: { lazy: first, late: second },
      endedMs: [stopMs, performance.now()],
      pids: { lazy: lazy.server.pid, late: late.server.pid },
    };
  } catch (error) {
    await rig[Symbol.asyncDispose]();
    throw error;
  }
}

test('the first in the queue, since its handshake', { skip }, async () => {
  await using stage = new Stage();
  const { rig, connected, endedMs, pids } = await queues(stage);
  await using _ = rig;
  for (const name of ['lazy', 'late'] as const) {
    const [record, ...others] = toldOf(rig, ports[name]);
    assert.deepEqual(others, []);
    assert.deepEqual([record?.['process.name'], record?.['process.pid']], [name, pids[name]]);
    assert.equal(record?.['listener.backlog'], name === 'lazy' ? 3 : 1);
    const waited = record['listener.waiting_ms'] ?? -1;
    const { beforeMs, afterMs } = connected[name];
    const [least, most] = [endedMs[0] - afterMs - ticksMs, endedMs[1] - beforeMs + ticksMs];
    assert.ok(waited >= least && waited <= most, `${name}: ${waited} is not in ${least} to ${most}`);
  }
  const others = [ports.prompt, ports.idle].map((port) => toldOf(rig, port)[0]?.['listener.waiting_ms']);
  assert.deepEqual(others, [0, 0]);
});

test('a listener that does not accept is told with every window', { skip }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ window: '200ms', namespaces: [at.path] });
  const { server, listener } = await listening(stage, at, 'lazy', ports.lazy);
  await connect(await at.actor('client'), ports.lazy);
  const waiting = () => toldOf(rig, ports.lazy).filter((of) => of['listener.changes'].includes('waiting'));
  assert.ok(await eventually(() => waiting().length >= 3, patienceMs));
  const times = waiting().map((of) => of['listener.waiting_ms'] ?? 0);
  const numbers = waiting().map((of) => of['window.number']);
  assert.ok(
    times.every((ms, i) => ms >= 1000 && ms >= (times[i - 1] ?? 0)),
    times.join(),
  );
  assert.ok(
    numbers.every((number, i) => i === 0 || number === numbers[i - 1]! + 1),
    numbers.join(),
  );

  await server.accept(listener);
  await rig.nextWindow(); // its sweep may have begun before
  const { 'window.number': accepted } = await rig.nextWindow();
  await rig.nextWindow();
  assert.ok(waiting().every((of) => of['window.number'] < accepted));
});

test('the backlog is told by every kernel, the wait where programs may read the queue', async () => {
  await using stage = new Stage();
  const { rig } = await queues(stage);
  await using _ = rig;
  const [record] = toldOf(rig, ports.lazy);
  assert.equal(record?.['listener.backlog'], 3);
  assert.equal(record['listener.waiting_ms'] !== undefined, castsPointers(native));
});
