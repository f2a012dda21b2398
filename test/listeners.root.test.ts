/**
 * Listeners and what becomes of attempts from outside, made for real in namespaces of their own: against the
 * kernel's counters of the namespace and of the socket.
 */

import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { Actor } from '../lab/actor.ts';
import { routedAddress } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import type { FlowRecord, ListenerRecord } from '../src/model/record.ts';
import { attempts, dropsOf, to } from './attempts.ts';
import { eventually, startRig, type Rig } from './rig.ts';
import { assertBalance } from './truth.ts';

const patienceMs = 30_000;

function listenersOf(rig: Rig, port = to.port): ListenerRecord[] {
  return rig
    .records()
    .filter((record) => record['event.name'] === 'sonde.listener')
    .filter((record) => record['destination.port'] === port);
}

async function refusedAttempts(client: Actor, count: number, target: typeof to): Promise<void> {
  for (let i = 0; i < count; i++) {
    const socket = await client.socket(target.ip.includes(':') ? 'tcp6' : 'tcp4');
    await assert.rejects(client.connect(socket, target), /ECONNREFUSED/);
    await client.close(socket);
  }
}

function inboundOf(rig: Rig): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { 'coverage.namespaces': namespaces } of rig.windows)
    for (const { inbound = {} } of namespaces)
      for (const [name, count] of Object.entries(inbound)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

function assertAgreed(rig: Rig): void {
  const coverages = rig.windows.at(-1)?.['coverage.namespaces'] ?? [];
  assert.ok(coverages.length > 0);
  for (const coverage of coverages) assert.deepEqual(coverage.difference, {}, JSON.stringify(coverage));
}

function refusalsOf(rig: Rig): FlowRecord[] {
  return rig.flows().filter((flow) => flow.refusals !== undefined);
}

const total = (flows: readonly FlowRecord[]) => flows.reduce((sum, flow) => sum + (flow.refusals ?? 0), 0);

describe('the inventory of listeners', () => {
  test('one appears, goes to a forked worker, gets another limit, and is gone', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig({ window: '200ms', namespaces: [at.path] });
    const told = (change: string) => listenersOf(rig).filter((r) => r['listener.changes'].join() === change);
    const once = (change: string) => eventually(() => told(change).length > 0, patienceMs);

    const { server, listener } = await stage.listening({ at, ...to, backlog: 5, name: 'master' });
    assert.ok(await once('appeared'));
    const worker = await server.fork('worker');
    await server.exit();
    assert.ok(await once('owner'), JSON.stringify(listenersOf(rig)));
    await worker.listen(listener, 9);
    assert.ok(await once('limit'));
    assert.equal(rig.agent.status().lastWindow?.listeners, 1);
    await worker.close(listener);
    assert.ok(await once('gone'));
    await worker.kill();
    await rig.stop();

    const all = listenersOf(rig).map((record) => [
      record['listener.changes'].join(),
      record['process.name'],
      record['process.pid'],
      record.attribution,
      record['listener.backlog_max'],
    ]);
    assert.deepEqual(all, [
      ['appeared', 'master', server.pid, 'exact', 5],
      ['owner', 'worker', worker.pid, 'scanned', 5],
      ['limit', 'worker', worker.pid, 'scanned', 9],
      ['gone', 'worker', worker.pid, 'scanned', 9],
    ]);
    const [first] = listenersOf(rig);
    assert.equal(first?.['destination.ip'], to.ip);
    assert.equal(first['network.namespace'], at.inode);
    assert.equal(first['network.type'], 'ipv4');
    assert.equal(new Set(listenersOf(rig).map((record) => record['listener.id'])).size, 1);
    assert.equal(rig.windows.at(-1)?.listeners, 0);
  });

  test('one that was there before, and one between two sweeps', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await stage.listening({ at, ip: '::', port: 7001, name: 'older' });
    await using rig = await startRig({ window: '10m', namespaces: [at.path] });
    const { server, listener } = await stage.listening({ at, ...to, name: 'brief' });
    await server.close(listener);
    await rig.stop();

    const [older] = listenersOf(rig, 7001);
    assert.deepEqual(older?.['listener.changes'], ['present']);
    assert.deepEqual(
      [older['process.name'], older.attribution, older['destination.ip'], older['network.type']],
      ['older', 'scanned', '::', 'ipv6'],
    );
    assert.deepEqual(
      listenersOf(rig).map((record) => [record['listener.changes'], record['process.name']]),
      [[['appeared', 'gone'], 'brief']],
    );
    assert.equal(rig.windows.at(-1)?.listeners, 1);
  });
});

describe('attempts that a listener lets fall', () => {
  test('a full accept queue: as often as the kernel says', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig({ window: '10m', namespaces: [at.path] });
    await stage.listening({ at, ...to, backlog: 1, name: 'lazy' });
    const client = await at.actor('client');
    for (const socket of await attempts(client, 2)) await client.connectFinish(socket);
    const late = await attempts(client, 5);
    for (const socket of late) await client.until(socket, { retransmits: 1 });
    for (const socket of late) await client.close(socket);
    const drops = await dropsOf(at, to.port);
    await rig.stop();

    const { ListenOverflows, ListenDrops } = at.counters();
    assert.ok(ListenOverflows >= 10, `each of 5 was dropped twice, ${String(ListenOverflows)} in all`);
    assert.deepEqual(inboundOf(rig), { listenOverflows: ListenOverflows, listenDrops: ListenDrops });
    const [lazy] = listenersOf(rig);
    // Told where the kernel lets it be.
    const changes = lazy?.['listener.changes'].filter((change) => change !== 'waiting');
    assert.deepEqual(changes, ['appeared', 'counts']);
    assert.deepEqual(
      [
        lazy?.['process.name'],
        lazy?.['listener.drops'],
        lazy?.['listener.backlog'],
        lazy?.['listener.backlog_max'],
      ],
      ['lazy', drops, 2, 1],
    );
    assert.ok(drops >= ListenDrops, `${String(drops)} drops of the socket`);
    assertAgreed(rig);
  });

  test('drops add up over windows, and older ones are nobody\u2019s', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    const client = await at.actor('client');
    await stage.listening({ at, ...to, backlog: 0, name: 'lazy' });
    await client.connect(await client.socket(), to);
    const drop = async () => {
      for (const socket of await attempts(client, 3)) await client.close(socket);
    };
    await drop();
    const older = await dropsOf(at, to.port);
    assert.ok(older >= 3);
    await using rig = await startRig({ window: '200ms', namespaces: [at.path] });
    for (let round = 0; round < 3; round++) {
      await drop();
      await rig.nextWindow();
    }
    await rig.stop();

    const told = listenersOf(rig).reduce((sum, record) => sum + record['listener.drops'], 0);
    assert.ok(told >= 9);
    assert.equal(told, (await dropsOf(at, to.port)) - older);
    assert.equal(inboundOf(rig)['listenDrops'], at.counters().ListenDrops - older);
  });

  test('a flood of SYNs without cookies: dropped, and the SYN-ACKs that are repeated', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await at.sysctl({ 'ipv4/tcp_syncookies': 0, 'ipv4/tcp_synack_retries': 1 });
    await at.filter(['tcp sport 7000 tcp flags & (syn | ack) == syn | ack drop']);
    await using rig = await startRig({ window: '10m', namespaces: [at.path] });
    await stage.listening({ at, ...to, backlog: 1, name: 'flooded' });
    const client = await at.actor('client');
    for (const socket of await attempts(client, 40)) await client.close(socket);
    // Those that the queue took, each once.
    assert.ok(await eventually(() => at.counters().RetransSegs >= 1, patienceMs));
    await at.settled();
    await rig.stop();

    const { TCPReqQFullDrop, ListenDrops, RetransSegs } = at.counters();
    assert.ok(TCPReqQFullDrop >= 36, String(TCPReqQFullDrop));
    assert.deepEqual(inboundOf(rig), { reqQFullDrop: TCPReqQFullDrop, listenDrops: ListenDrops });
    const [flooded] = listenersOf(rig);
    const syns = rig.flows().reduce((sum, flow) => sum + flow.retransmits, 0);
    assert.equal(flooded?.['process.name'], 'flooded');
    assert.ok(flooded['listener.drops'] >= ListenDrops);
    assert.ok(flooded['listener.synack_retransmits'] >= 1);
    assert.equal(flooded['listener.synack_retransmits'] + syns, RetransSegs);
    assertAgreed(rig);
  });

  test('a reset before it is established', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig({ window: '10m', namespaces: [at.path] });
    await stage.listening({ at, ...to });
    await at.filter(['tcp sport 7000 tcp flags & (syn | ack) == syn | ack drop']);
    const client = await at.actor('client');
    for (const socket of await attempts(client, 3)) await client.close(socket);
    await at.filter([]);
    // Their sockets are gone when the repeated SYN-ACKs come.
    assert.ok(await eventually(() => at.counters().EmbryonicRsts === 3, patienceMs));
    await rig.stop();

    assert.deepEqual(inboundOf(rig), { embryonicRsts: 3 });
    assert.deepEqual(refusalsOf(rig), [], 'the resets answered no SYN');
    assertAgreed(rig);
  });
});

test('a listener that resets what it has no room for', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await at.sysctl({ 'ipv4/tcp_abort_on_overflow': 1 });
  await using rig = await startRig({ window: '10m', namespaces: [at.path] });
  await stage.listening({ at, ...to, backlog: 1, name: 'strict' });
  const client = await at.actor('client');
  await at.filter(['tcp sport 7000 tcp flags & (syn | ack) == syn | ack drop']);
  const late = await attempts(client, 1);
  await at.filter([]);
  // Before its SYN-ACK is repeated, others fill the accept queue.
  for (const socket of await attempts(client, 2)) await client.connectFinish(socket);
  for (const socket of late) await client.until(socket, { state: 'CLOSE' });
  await rig.stop();

  const { EmbryonicRsts, OutRsts } = at.counters();
  assert.deepEqual([EmbryonicRsts, inboundOf(rig)['embryonicRsts']], [1, 1]);
  const [strict] = listenersOf(rig);
  assert.equal(strict?.['process.name'], 'strict');
  // Where SYN and SYN-ACK were both repeated a second ACK comes, and finds no request.
  const resets = strict['listener.resets_sent'];
  assert.ok(resets >= 1 && resets <= OutRsts, `${String(resets)} of ${String(OutRsts)} resets`);
  assert.deepEqual(refusalsOf(rig), [], 'somebody listens there');
  const [coverage] = rig.windows.at(-1)?.['coverage.namespaces'] ?? [];
  assert.deepEqual(coverage?.difference, { attemptFails: -1 }, 'the kernel counts EmbryonicRsts alone here');
  assert.match(coverage.explained?.['attemptFails'] ?? '', /^tcp_abort_on_overflow/);
});

/** Before 6.10 no hook shows them, and the agent says so. */
function lacksRefusals(rig: Rig, t: TestContext): boolean {
  const lacks = !rig.agent.status().signals.includes('refusals');
  if (lacks) t.skip('this kernel does not trace resets that belong to no socket');
  return lacks;
}

describe('attempts where nobody listens', () => {
  const port = 9009;

  test('each is a refusal on the side that answered, and no connection', async (t) => {
    await using stage = new Stage();
    const { left, right } = await stage.routed();
    await using rig = await startRig({ window: '10m', namespaces: [left.path, right.path] });
    if (lacksRefusals(rig, t)) return;
    const client = await left.actor('client');
    await refusedAttempts(client, 20, { ip: routedAddress.right.v4, port });
    await refusedAttempts(client, 5, { ip: routedAddress.right.v6, port });
    await rig.stop();

    const told = refusalsOf(rig).map((flow) => [
      flow['network.namespace'],
      flow['process.name'],
      flow.attribution,
      flow.direction,
      flow['connection.state'],
      flow['connection.established'],
      flow['source.ip'],
      flow['destination.ip'],
      flow['destination.port'],
      flow.refusals,
      flow['resets.sent'],
      flow['connections.opened'] + flow['connections.ended'] + flow['connections.open'],
    ]);
    const kernel = [right.inode, 'kernel', 'kernel', 'ingress', 'refused', false];
    const { left: from, right: at } = routedAddress;
    assert.deepEqual(told.sort(), [
      [...kernel, from.v4, at.v4, port, 20, 20, 0],
      [...kernel, from.v6, at.v6, port, 5, 5, 0],
    ]);
    assert.equal(right.counters().OutRsts, 25);
    assert.equal(rig.windows.at(-1)?.refusals, 25);
    assert.equal(rig.windows.at(-1)?.['connections.opened'], 25, 'the client\u2019s');
    assert.deepEqual(rig.windows.at(-1)?.attribution, { exact: 25 });
    assertBalance(rig.windows, rig.flows());
    assertAgreed(rig);
  });

  test('on loopback both ends', async (t) => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig({ window: '10m', namespaces: [at.path] });
    if (lacksRefusals(rig, t)) return;
    await refusedAttempts(await at.actor('client'), 7, { ip: '127.0.0.1', port });
    await rig.stop();

    const told = rig
      .flows()
      .map((flow) => [flow.direction, flow['process.name'], flow.refusals, flow['connections.ended']]);
    assert.deepEqual(told.sort(), [
      ['egress', 'client', undefined, 7],
      ['ingress', 'kernel', 7, 0],
    ]);
    assertAgreed(rig);
  });

  test('a segment of a connection that is over is none', async () => {
    await using stage = new Stage();
    const { left, right } = await stage.routed();
    const pair = await stage.pair({ clientAt: left, serverAt: right, ip: routedAddress.right.v4, port });
    await using rig = await startRig({ window: '10m', namespaces: [right.path] });
    await left.filter(['tcp flags & rst == rst drop']);
    await pair.server.set(pair.s, 'lingerS', 0);
    await pair.server.close(pair.s);
    const before = right.counters().OutRsts;
    await pair.client.send(pair.c, 1);
    assert.ok(await eventually(() => right.counters().OutRsts > before, patienceMs));
    await rig.stop();

    assert.deepEqual(refusalsOf(rig), []);
    assertAgreed(rig);
  });

  test('a scan folds like everything else', async (t) => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig(
      { window: '10m', namespaces: [at.path], limits: { flow_rows: 256 } },
      { watch: false },
    );
    if (lacksRefusals(rig, t)) return;
    const client = await at.actor('scanner');
    const scanned = 300;
    for (let i = 0; i < scanned; i++) await refusedAttempts(client, 1, { ip: '127.0.0.1', port: port + i });
    await rig.stop();

    const rows = refusalsOf(rig);
    assert.equal(total(rows), scanned, 'nothing is lost');
    assert.ok(rows.length <= 256 / 8 + 256 / 32 + 1, `${String(rows.length)} rows`);
    const folded = rows.filter((flow) => flow['source.ip.form'] === 'folded');
    assert.equal(folded.length, 1);
    assert.equal(folded[0]?.['destination.port'], 0);
    assert.ok((rig.windows.at(-1)?.lost['kernel.flows_to_owner'] ?? 0) >= total(folded));
    assert.equal(at.counters().OutRsts, scanned);
  });

  test('not counted while the signal is off', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig({
      window: '10m',
      namespaces: [at.path],
      signals: { refusals: 'off' },
    });
    await refusedAttempts(await at.actor('client'), 3, { ip: '127.0.0.1', port });
    await rig.stop();
    assert.deepEqual(refusalsOf(rig), []);
    assert.equal(rig.windows.at(-1)?.signals.includes('refusals'), false);
  });
});
