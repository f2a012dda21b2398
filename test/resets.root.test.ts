/** Resets that a host sends, by the kernel's reason: real ones, in a namespace of their own. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Namespace } from '../lab/namespaces.ts';
import { missingNeeds } from '../lab/needs.ts';
import { Stage, type Pair } from '../lab/stage.ts';
import { artefacts, loadNative } from '../src/agent/kernel/native.ts';
import { tracesAllResets } from '../src/agent/kernel/signals.ts';
import { startRig, type Rig } from './rig.ts';

const native = loadNative(artefacts());
const nobody = { ip: '127.0.0.1', port: 9009 };

function reasonsOf({ windows }: Rig): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { 'resets.reasons': reasons = {} } of windows)
    for (const [reason, count] of Object.entries(reasons)) sums[reason] = (sums[reason] ?? 0) + count;
  return sums;
}

async function refusals(at: Namespace, count: number): Promise<void> {
  const client = await at.actor('refused');
  for (let i = 0; i < count; i++) {
    const socket = await client.socket();
    await assert.rejects(client.connect(socket, nobody), /ECONNREFUSED/);
    await client.close(socket);
  }
}

/** A connection with a request that was read; `act` makes the client's kernel reset it. */
async function reset(stage: Stage, at: Namespace, act: (pair: Pair) => Promise<void>): Promise<void> {
  const pair = await stage.pair({ clientAt: at });
  await pair.client.send(pair.c, 10);
  await pair.server.receive(pair.s, 10);
  await act(pair);
  await pair.server.until(pair.s, { state: 'CLOSE' });
  await pair.server.close(pair.s);
  await pair.server.close(pair.listener);
}

async function leaveUnread({ client, server, c, s }: Pair): Promise<void> {
  await server.send(s, 10);
  await client.until(c, { unread: 10 });
}

/** Active resets have reasons of their own from 6.12 on. */
function givesReasons(t: TestContext): boolean {
  const gives = native.kernelEnum('sk_rst_reason')?.['SK_RST_REASON_TCP_ABORT_ON_CLOSE'] !== undefined;
  if (!gives) t.skip('this kernel does not say why it resets');
  return gives;
}

test('each reset is counted once, under its reason, in the window in which it left', async (t) => {
  if (!givesReasons(t)) return;
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ window: '10m', namespaces: [at.path] });
  await refusals(at, 5);
  for (let i = 0; i < 3; i++)
    await reset(stage, at, async (pair) => {
      await leaveUnread(pair);
      await pair.client.close(pair.c);
    });
  await reset(stage, at, async (pair) => {
    await leaveUnread(pair);
    await pair.client.kill();
  });
  await reset(stage, at, async (pair) => {
    await pair.client.set(pair.c, 'lingerS', 0);
    await pair.client.close(pair.c);
  });
  await reset(stage, at, (pair) => pair.client.disconnect(pair.c));
  await reset(stage, at, async (pair) => {
    await pair.client.close(pair.c);
    await pair.server.until(pair.s, { state: 'CLOSE_WAIT' });
    await at.settled(1);
    await pair.server.send(pair.s, 60); // finds what is left of a connection in FIN_WAIT2
  });
  await rig.stop();

  const { no_socket: nowhere, tcp_abort_on_close: unread, ...others } = reasonsOf(rig);
  assert.deepEqual([nowhere, unread], [5, 4]);
  assert.deepEqual(others, { tcp_state: 2, tcp_timewait_socket: 1 });
  assert.equal(at.counters().OutRsts, 12);
});

test('data that nobody can read any more', async (t) => {
  const missing = await missingNeeds(['nft']);
  if (missing.length > 0) {
    t.skip(`no ${missing.join(', ')} here`);
    return;
  }
  if (!givesReasons(t)) return;
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ window: '10m', namespaces: [at.path] });
  await reset(stage, at, async (pair) => {
    await pair.client.until(pair.c, { unacked: 0 });
    await at.filter(['tcp dport 7000 tcp flags & fin == fin drop']);
    await pair.client.close(pair.c);
    await pair.server.send(pair.s, 60);
  });
  await rig.stop();
  assert.deepEqual(reasonsOf(rig), { tcp_abort_on_data: 1 });
});

test('only of the namespaces that are looked at', async (t) => {
  if (!givesReasons(t)) return;
  await using stage = new Stage();
  const [at, other] = [await stage.namespace(), await stage.namespace()];
  await using rig = await startRig({ window: '10m', namespaces: [at.path] });
  await refusals(other, 3);
  await refusals(at, 2);
  await rig.stop();
  assert.deepEqual(reasonsOf(rig), { no_socket: 2 });
});

test('told by every kernel that gives the reason of a refusal, absent from all others', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ window: '10m', namespaces: [at.path] });
  await refusals(at, 1);
  await rig.stop();
  const wanted = tracesAllResets(native) ? { no_socket: 1 } : undefined;
  assert.deepEqual(rig.windows.at(-1)?.['resets.reasons'], wanted);
});
