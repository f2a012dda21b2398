/** The inventory of listeners: it goes on when an agent is killed, and says what it had no room for. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import { listenerDecoder } from '../src/agent/decode/listeners.ts';
import { kernelLimits } from '../src/agent/kernel/generation.ts';
import { artefacts, loadNative } from '../src/agent/kernel/native.ts';
import { scopeCookies } from '../src/agent/kernel/scope.ts';
import { loadSupported } from '../src/agent/kernel/supported.ts';
import { attempts, dropsOf, to } from './attempts.ts';
import type { Moment } from './killed-agent.ts';
import { Restarted } from './restarted.ts';
import { startRig } from './rig.ts';

/** LISTENERS_MAX: those that are gone stay until that is told. */
const room = 8192;

/** Listens and closes again and again, until told to stop or before there is no room; answers how often. */
async function coming(at: Namespace, while_: () => boolean): Promise<number> {
  const actor = await at.actor('coming');
  let count = 0;
  for (; count < room - 100 && while_(); count++) {
    const socket = await actor.socket();
    await actor.listen(socket, 1);
    await actor.close(socket);
  }
  return count;
}

const moments: readonly Moment[] = ['swept', 'committed', 'laid'];
for (const moment of moments) {
  test(`an agent is killed (${moment}): each listener comes and goes once, and drops add up`, async () => {
    await using stage = new Stage();
    await using agents = new Restarted();
    const at = await stage.namespace();
    const settings = { namespaces: [at.path] };
    const first = agents.start(settings, { dies: { moment, window: 4 } });
    await first.opened();
    await stage.listening({ at, ...to, backlog: 0, name: 'lazy' });
    const client = await at.actor('client');
    await client.connect(await client.socket(), to);
    const running = { on: true };
    const comings = coming(at, () => running.on);
    const drop = async () => {
      for (const socket of await attempts(client, 5)) await client.close(socket);
    };
    await drop();
    assert.equal(await first.ended(), 'SIGKILL');
    await drop();
    const second = agents.start(settings);
    await second.opened();
    await drop();
    await agents.told(8);
    running.on = false;
    const made = await comings;
    assert.equal(await second.end('SIGTERM'), '0', second.said());

    const told = agents.windows().flatMap(({ records }) => records);
    const listeners = told.filter((record) => record['event.name'] === 'sonde.listener');
    const of = Object.groupBy(listeners, (record) => record['listener.id']);
    const lives = Object.values(of).map((records = []) => records.flatMap((r) => r['listener.changes']));
    const whole = lives.filter((changes) => changes.includes('gone'));
    assert.equal(whole.length, made);
    for (const changes of whole) {
      assert.equal(changes.filter((change) => change === 'gone').length, 1, changes.join());
      assert.equal(changes.filter((change) => change === 'appeared').length, 1, changes.join());
    }
    const drops = listeners.reduce((sum, record) => sum + record['listener.drops'], 0);
    assert.ok(drops >= 15);
    assert.equal(drops, await dropsOf(at, to.port));
  });
}

test('a socket that listens again before its end is forgotten keeps its entry', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const native = loadNative(artefacts());
  await using kernel = loadSupported(native, artefacts().object, { limits: kernelLimits }).kernel;
  kernel.scope(await scopeCookies(native, [at.path]));
  await kernel.start(['lifecycle']);
  const decode = listenerDecoder(kernel.types, native.tickNs());
  const states = (raw: { listeners?: Parameters<typeof decode>[0] }) =>
    raw.listeners && decode(raw.listeners).map(({ first, gone }) => ({ first, gone }));
  const { server, listener } = await stage.listening({ at, ...to });
  const close = (window: number) => kernel.close(window, Date.now());

  const listening = await close(1);
  assert.deepEqual(states(listening), [{ first: 1, gone: false }]);
  await kernel.clear(listening);
  await server.shutdown(listener, 'read');
  const gone = await close(2);
  assert.deepEqual(states(gone), [{ first: 1, gone: true }]);
  await server.listen(listener);
  await kernel.clear(gone);
  const again = await close(3);
  assert.deepEqual(states(again), [{ first: 1, gone: false }]);
  await kernel.clear(again);
  await server.shutdown(listener, 'read');
  for (const window of [4, 5]) {
    const raw = await close(window);
    assert.deepEqual(states(raw), window === 4 ? [{ first: 1, gone: true }] : []);
    await kernel.clear(raw);
  }
  kernel.detach();
});

test('more listeners than there is room for', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ window: '10m', namespaces: [at.path] }, { watch: false });
  const script = `let left = ${String(room + 100)};
    const server = () => require('node:net').createServer();
    const next = () => left-- && server().listen(0, '127.0.0.1', function () { this.close(next); });
    next();`;
  await at.run([process.execPath, '-e', script]);
  await rig.stop();

  const told = rig.records().filter((record) => record['event.name'] === 'sonde.listener');
  assert.equal(told.length, room);
  assert.ok(told.every((record) => record['listener.changes'].join() === 'appeared,gone'));
  assert.equal(rig.windows.at(-1)?.lost['kernel.listeners_full'], 100);
});
