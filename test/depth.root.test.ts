/** What windows tell of TCP itself, against what the sockets say: real loss, a stalled reader, a slow answer. */

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { routedAddress } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import type { ConnectionRecord, FlowRecord } from '../src/model/record.ts';
import { artefacts, loadNative } from '../src/agent/kernel/native.ts';
import { eventually, startRig, type Rig } from './rig.ts';

type Counted = {
  [Name in keyof FlowRecord]-?: Exclude<FlowRecord[Name], undefined> extends number ? Name : never;
}[keyof FlowRecord];

const tickUs = loadNative(artefacts()).tickNs() / 1000;

function rowsOf(rig: Rig, process: string): FlowRecord[] {
  return rig.flows().filter((row) => row['process.name'] === process);
}

/** Over all windows so far. */
function sum(rig: Rig, process: string, name: Counted): number {
  return rowsOf(rig, process).reduce((total, row) => total + (row[name] ?? 0), 0);
}

/** What the newest window says of the open connections of a process. */
async function next(rig: Rig, process: string): Promise<FlowRecord> {
  await rig.nextWindow(); // its sweep may have begun before
  const window = await rig.nextWindow();
  const rows = rowsOf(rig, process).filter(
    (row) => row['window.number'] === window['window.number'] && row['connection.state'] === 'open',
  );
  const [row] = rows;
  assert.ok(row && rows.length === 1, `one open row of ${process}`);
  return row;
}

async function ends(rig: Rig, count: number): Promise<ConnectionRecord[]> {
  const ended = () => rig.connections.filter((record) => record['close.reason'] !== undefined);
  assert.ok(await eventually(() => ended().length >= count, 20_000));
  await rig.nextWindow();
  await rig.nextWindow();
  return ended();
}

function kinds(rig: Rig, process: string): number[] {
  const names = ['retransmits', 'retransmits.syn', 'retransmits.synack', 'retransmits.data'] as const;
  return names.map((name) => sum(rig, process, name));
}

test('segments of all windows add up to the socket’s own', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path] });
  const { client, server, listener, c, s } = await stage.pair({ clientAt: at });
  const told = (process: string) =>
    (['segments.sent', 'segments.received'] as const).map((name) => sum(rig, process, name));

  for (const bytes of [1000, 200_000, 3]) {
    await client.send(c, bytes);
    await server.receive(s, bytes);
    await server.send(s, 2 * bytes);
    await client.receive(c, 2 * bytes);
    await rig.nextWindow();
  }
  // The last acknowledgement may be late: it is in the window after.
  await rig.nextWindow();
  await rig.nextWindow();
  const [ofClient, ofServer] = [await client.query(c), await server.query(s)];
  const windows = rowsOf(rig, 'client').filter((row) => row['segments.sent'] > 0);
  assert.ok(windows.length >= 3, 'they were told as they came');
  assert.deepEqual(told('client'), [ofClient.segmentsOut, ofClient.segmentsIn]);
  assert.deepEqual(told('server'), [ofServer.segmentsOut, ofServer.segmentsIn]);

  await client.close(c);
  await server.receiveEnd(s);
  await server.close(s);
  await server.close(listener);
  for (const record of await ends(rig, 2)) {
    const all = [record['segments.sent'], record['segments.received']];
    assert.deepEqual(told(record['process.name']), all, 'its end tells of all of them');
  }
});

describe('retransmissions by kind', { concurrency: true }, () => {
  test('a SYN, a SYN-ACK and data', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig({ namespaces: [at.path] });
    const { server, listener } = await stage.listening({ at, ip: '127.0.0.1', port: 7000 });
    const client = await at.actor('client');
    const c = await client.socket();
    await at.filter(['tcp dport 7000 drop']);
    await client.connectStart(c, { ip: '127.0.0.1', port: 7000 });
    await client.until(c, { retransmits: 1 });
    await at.filter(['tcp sport 7000 drop']);
    await client.until(c, { retransmits: 2 });
    const syns = () => client.query(c).then(({ retransmits }) => retransmits);
    for (let all = 0, end = Date.now() + 20_000; all <= (await syns()); all = at.counters().RetransSegs)
      assert.ok(Date.now() < end, 'a SYN-ACK is sent again too');
    await at.filter([]);
    await client.connectFinish(c);
    const s = await server.accept(listener);
    const [syn, synack] = [await syns(), (await server.query(s)).retransmits];
    assert.ok(syn >= 2 && synack >= 1, `${String(syn)} SYNs, ${String(synack)} SYN-ACKs`);

    await at.filter(['tcp dport 7000 drop']);
    await client.send(c, 5000);
    await client.until(c, { retransmits: syn + 1 }, 30_000);
    await rig.nextWindow();
    await at.filter([]);
    await server.receive(s, 5000);
    await client.until(c, { unacked: 0 });
    await rig.nextWindow();
    await rig.nextWindow();
    const [ofClient, ofServer] = [await client.query(c), await server.query(s)];
    const data = ofClient.retransmits - syn;
    assert.ok(data >= 1);
    assert.deepEqual(kinds(rig, 'client'), [ofClient.retransmits, syn, 0, data]);
    assert.deepEqual(kinds(rig, 'server'), [ofServer.retransmits, 0, synack, 0]);

    await client.close(c);
    await server.close(s);
    const [egress, ingress] = (await ends(rig, 2)).toSorted((a, b) => (a.direction < b.direction ? -1 : 1));
    assert.deepEqual([egress?.['retransmits.syn'], egress?.['retransmits.data']], [syn, data]);
    assert.deepEqual([ingress?.['retransmits.synack'], ingress?.['retransmits.data']], [synack, undefined]);
    assert.deepEqual(kinds(rig, 'client'), [ofClient.retransmits, syn, 0, data], 'none is told again');
  });

  test('an attempt that fails has SYNs only', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig({ namespaces: [at.path] });
    await at.filter(['tcp dport 7000 drop']);
    const client = await at.actor('client');
    const c = await client.socket();
    await client.set(c, 'synCount', 2);
    await assert.rejects(client.connect(c, { ip: '127.0.0.1', port: 7000 }, { waitMs: 30_000 }));
    const [ended] = await ends(rig, 1);
    assert.equal(ended?.['connection.state'], 'timed_out');
    const all = ended.retransmits; // how many synCount makes of it differs from kernel to kernel
    assert.ok(all >= 2);
    assert.deepEqual([ended['retransmits.syn'], ended['retransmits.data']], [all, undefined]);
    assert.deepEqual(kinds(rig, 'client'), [all, all, 0, 0]);
  });

  test('every fifth packet is lost on the way', async () => {
    await using stage = new Stage();
    const { left, router, right } = await stage.routed();
    await using rig = await startRig({ namespaces: [left.path, right.path] });
    const pair = await stage.pair({ clientAt: left, serverAt: right, ip: routedAddress.right.v4 });
    await router.filter(['tcp dport 7000 numgen inc mod 5 == 4 drop'], 'forward');
    const bytes = 300_000;
    await Promise.all([pair.client.send(pair.c, bytes, 60_000), pair.server.receive(pair.s, bytes, 60_000)]);
    await router.filter([], 'forward');
    await pair.client.until(pair.c, { unacked: 0 }, 30_000);
    await rig.nextWindow();
    await rig.nextWindow();
    const { retransmits } = await pair.client.query(pair.c);
    assert.ok(retransmits > 0);
    assert.deepEqual(kinds(rig, 'client'), [retransmits, 0, 0, retransmits]);
  });
});

describe('what limits the sender', { concurrency: true }, () => {
  /** TCP_INFO has the same times, of the same jiffies. */
  async function agree(
    rig: Rig,
    of: { busyUs: number; peerWindowUs: number; sendBufferUs: number },
  ): Promise<void> {
    await rig.nextWindow();
    await rig.nextWindow();
    const pairs = [
      ['limited_ms.busy', of.busyUs],
      ['limited_ms.peer_window', of.peerWindowUs],
      ['limited_ms.send_buffer', of.sendBufferUs],
    ] as const;
    for (const [name, us] of pairs) {
      const told = sum(rig, 'client', name);
      assert.ok(Math.abs(told * 1000 - us) < tickUs, `${name}: told ${told} ms, the socket ${us} us`);
    }
  }

  test('the peer’s window, closed by a reader that stalls', async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig({ namespaces: [at.path] });
    const { client, server, c, s } = await stage.pair({ clientAt: at });
    const bytes = 4_000_000;
    await server.set(s, 'receiveBuffer', 20_000);
    await client.set(c, 'sendBuffer', 2 * bytes);
    const sending = client.send(c, bytes, 60_000);
    for (let windows = 0; windows < 3; windows++) {
      const row = await next(rig, 'client');
      assert.ok((row['limited_ms.peer_window'] ?? 0) > 0, 'each window has its share');
      assert.ok((row['limited_ms.busy'] ?? 0) >= (row['limited_ms.peer_window'] ?? 0));
    }
    assert.ok(((await next(rig, 'server'))['app.unread_bytes'] ?? 0) > 0);
    await server.receive(s, bytes, 60_000);
    await sending;
    await client.until(c, { unacked: 0 });
    const info = await client.query(c);
    assert.ok(info.peerWindowUs > 2_000_000, JSON.stringify(info));
    await agree(rig, info);
    assert.equal((await next(rig, 'client'))['limited_ms.busy'], undefined, 'nothing more once it is idle');
  });

  test('its own send buffer', async () => {
    await using stage = new Stage();
    const { left, router, right } = await stage.routed();
    // Small pieces, or one alone is larger than the buffer. It is the buffer's fault only if the rest leaves
    // while the application waits for room already, and neither the window nor congestion is in its way.
    await left.ip('link set eth0 gso_max_size 3000');
    await using rig = await startRig({ namespaces: [left.path, right.path] });
    const to = { clientAt: left, serverAt: right, ip: routedAddress.right.v4 };
    const { client, server, c, s } = await stage.pair(to);
    await client.set(c, 'sendBuffer', 5000);
    const [first, bytes] = [50_000, 400_000];
    const sending = client.send(c, bytes, 60_000);
    await sleep(300); // to where the reader holds it up
    await router.filter(['tcp dport 7000 drop'], 'forward');
    await server.receive(s, first, 10_000);
    await sleep(500);
    await router.filter([], 'forward');
    await Promise.all([sending, server.receive(s, bytes - first, 60_000)]);
    await client.until(c, { unacked: 0 }, 60_000);
    const info = await client.query(c);
    assert.ok(info.sendBufferUs > 0, JSON.stringify(info));
    await agree(rig, info);
  });
});

test('round trips are those of the sockets that were looked at', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path] });
  const { client, server, listener, c, s } = await stage.pair({ clientAt: at });
  const [d, e] = [await client.socket(), await client.socket()];
  for (const socket of [d, e]) await client.connect(socket, { ip: '127.0.0.1', port: 7000 });
  await Promise.all([server.accept(listener), server.accept(listener)]);
  await client.send(c, 100);
  await server.receive(s, 100);
  await client.until(c, { unacked: 0 });
  const row = await next(rig, 'client');
  const infos = await Promise.all([c, d, e].map((socket) => client.query(socket)));
  assert.equal(row['rtt.count'], 3);
  const mean = infos.reduce((total, { rttUs }) => total + rttUs, 0) / 3000;
  assert.ok(Math.abs((row.rtt_ms ?? 0) - mean) < 0.001, `${String(row.rtt_ms)} and ${String(mean)} ms`);
  assert.equal(row.rtt_min_ms, Math.min(...infos.map(({ rttMinUs }) => rttMinUs)) / 1000);
});

test('an application that does not read, and then does not answer', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path] });
  const { client, server, c, s } = await stage.pair({ clientAt: at });
  const app = (row: FlowRecord) => [
    row['app.unread_bytes'],
    row['app.unread_connections'],
    row['app.waiting_connections'],
  ];
  assert.deepEqual(app(await next(rig, 'server')), [undefined, undefined, undefined]);
  assert.deepEqual(app(await next(rig, 'client')), [undefined, undefined, undefined]);

  await client.send(c, 5000);
  assert.deepEqual(app(await next(rig, 'server')), [5000, 1, undefined]);
  assert.deepEqual(app(await next(rig, 'client')), [undefined, undefined, 1], 'it is acknowledged');

  await server.receive(s, 5000);
  const first = await next(rig, 'server');
  assert.deepEqual(app(first), [undefined, undefined, 1]);
  const second = await next(rig, 'server');
  assert.ok((second['app.waiting_ms'] ?? 0) > (first['app.waiting_ms'] ?? 0), 'it goes on waiting');

  await server.send(s, 10);
  assert.deepEqual(app(await next(rig, 'server')), [undefined, undefined, undefined]);
  assert.deepEqual(app(await next(rig, 'client')), [10, 1, undefined]);
  await client.receive(c, 10);
  assert.deepEqual(
    app(await next(rig, 'client')),
    [undefined, undefined, undefined],
    'idle, and owed nothing',
  );

  await client.send(c, 300);
  await server.until(s, { unread: 300 });
  await server.close(s);
  await client.until(c, { state: 'CLOSE' });
  const reset = (await ends(rig, 2)).find((record) => record.direction === 'ingress');
  assert.equal(reset?.['connection.state'], 'reset');
  assert.equal(reset['app.unread_bytes'], 300, 'closed without having read them');
});
