/**
 * Exactness: 50,000 connections by several processes, refused and reset ones among them, in two network
 * namespaces, over many window borders, while events are suppressed and the sweep hardly ever rests. The rows
 * must sum to what was done.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChurnServer, runChurnClient, type ChurnEnds, type ChurnTruth } from '../lab/churn.ts';
import { Stage } from '../lab/stage.ts';
import type { FlowRecord, WindowRecord } from '../src/model/record.ts';
import { startRig, type Rig } from './rig.ts';

const connectionsWanted = Number(process.env['SONDE_EXACT_CONNECTIONS'] ?? 50_000);

interface Sums {
  ended: number;
  bytesSent: number;
  bytesReceived: number;
}

/** Per process, destination and state; the names of both sides of the comparison. */
function flowSums(flows: readonly FlowRecord[]): Record<string, Sums> {
  const sums: Record<string, Sums> = {};
  for (const flow of flows) {
    if (flow['connections.ended'] === 0 && flow['bytes.sent'] + flow['bytes.received'] === 0) continue;
    // What a sweep saw of a connection that ended later is in an `open` row; only its bytes are.
    const key = [
      flow['network.namespace'],
      flow['process.name'],
      flow.direction,
      flow['destination.ip'],
      flow['destination.port'],
    ];
    const state = flow['connection.state'];
    const ended = (sums[[...key, state].join(' ')] ??= { ended: 0, bytesSent: 0, bytesReceived: 0 });
    ended.ended += flow['connections.ended'];
    const bytes = (sums[[...key, 'bytes'].join(' ')] ??= { ended: 0, bytesSent: 0, bytesReceived: 0 });
    bytes.bytesSent += flow['bytes.sent'];
    bytes.bytesReceived += flow['bytes.received'];
  }
  return Object.fromEntries(
    Object.entries(sums).filter(([, s]) => s.ended + s.bytesSent + s.bytesReceived > 0),
  );
}

function truthSums(truths: readonly ChurnTruth[]): Record<string, Sums> {
  const sums: Record<string, Sums> = {};
  const add = (truth: ChurnTruth, process: string, end: ChurnEnds) => {
    const key = [truth.netns, process, end.direction, end.destinationIp, end.destinationPort];
    const ended = (sums[[...key, end.state].join(' ')] ??= { ended: 0, bytesSent: 0, bytesReceived: 0 });
    ended.ended += end.connections;
    const bytes = (sums[[...key, 'bytes'].join(' ')] ??= { ended: 0, bytesSent: 0, bytesReceived: 0 });
    bytes.bytesSent += end.bytesSent;
    bytes.bytesReceived += end.bytesReceived;
  };
  for (const truth of truths)
    for (const p of truth.processes) for (const end of p.ends) add(truth, p.process, end);
  return Object.fromEntries(
    Object.entries(sums).filter(([, s]) => s.ended + s.bytesSent + s.bytesReceived > 0),
  );
}

const payload = { send: 120, receive: 480 };
const reply = { send: 480, receive: 120 };

/** One namespace's share: three clients, a server of two processes. Returns both truths. */
async function churn(netns: string, tag: string, perTarget: number): Promise<ChurnTruth[]> {
  await using server = await ChurnServer.start({
    name: `srv-${tag}`,
    netns,
    workers: 2,
    listeners: [
      { ip: '127.0.0.1', port: 9001, action: 'fin_remote', ...reply },
      { ip: '127.0.0.1', port: 9002, action: 'fin_local', ...reply },
      { ip: '127.0.0.1', port: 9003, action: 'reset_sent', ...reply },
      { ip: '127.0.0.1', port: 9004, action: 'reset_received', ...reply },
    ],
  });
  const ip = '127.0.0.1';
  const client = await runChurnClient({
    name: `cli-${tag}`,
    netns,
    workers: 3,
    targets: [
      { ip, port: 9001, action: 'fin_local', count: perTarget, ...payload },
      { ip, port: 9002, action: 'fin_remote', count: perTarget, ...payload },
      { ip, port: 9003, action: 'reset_received', count: perTarget, ...payload },
      { ip, port: 9004, action: 'reset_sent', count: perTarget, ...payload },
      { ip, port: 9009, action: 'refused', count: perTarget, send: 0, receive: 0 },
    ],
  });
  return [client, await server.stop()];
}

/** opened + adopted = ended + abandoned + change of open, over all windows. */
function assertBalance(windows: readonly WindowRecord[], flows: readonly FlowRecord[]): void {
  const sum = (
    name: 'connections.opened' | 'connections.adopted' | 'connections.ended' | 'connections.abandoned',
  ) => windows.reduce((total, window) => total + window[name], 0);
  assert.equal(windows.at(-1)?.['connections.open'], 0);
  assert.equal(
    sum('connections.opened') + sum('connections.adopted'),
    sum('connections.ended') + sum('connections.abandoned'),
  );
  for (const name of ['connections.opened', 'connections.ended', 'connections.established'] as const) {
    const rows = flows.reduce((total, flow) => total + flow[name], 0);
    assert.equal(
      rows,
      windows.reduce((total, window) => total + window[name], 0),
      name,
    );
  }
}

/** Every moment of every connection was told or is counted as lost. */
function assertEvents(rig: Rig, flows: readonly FlowRecord[]): void {
  const moments = flows.reduce(
    (n, flow) => n + flow['connections.established'] + flow['connections.ended'],
    0,
  );
  const lost = rig.windows.reduce(
    (n, { lost: by }) => n + (by['kernel.events_suppressed'] ?? 0) + (by['kernel.events_ring_full'] ?? 0),
    0,
  );
  assert.ok(lost > 0, 'the test means to suppress events');
  assert.equal(rig.connections.length + lost, moments);
}

test('50,000 connections sum to the truth', { timeout: 300_000 }, async () => {
  await using stage = new Stage();
  const [one, two] = [await stage.namespace('one'), await stage.namespace('two')];
  const rig = await startRig({
    window: '100ms',
    namespaces: [one.path, two.path],
    limits: { events_per_second: 500, trace_events_per_second: 500, event_buffer: '64KiB' },
  });
  try {
    // Beside the churn, one connection per namespace that talks all the time: its bytes arrive by sweeps.
    const talkers = [await stage.pair({ clientAt: one }), await stage.pair({ clientAt: two })];
    const perTarget = Math.ceil(connectionsWanted / (2 * 3 * 5));
    const talking = { on: true };
    let rounds = 0;
    const talk = (async () => {
      for (; talking.on; rounds++) {
        for (const { client, server, c, s } of talkers) {
          await client.send(c, 1000);
          await server.receive(s, 1000);
          await server.send(s, 3000);
          await client.receive(c, 3000);
        }
      }
    })();
    const truths = (
      await Promise.all([churn(one.path, 'one', perTarget), churn(two.path, 'two', perTarget)])
    ).flat();
    talking.on = false;
    await talk;
    for (const process of truths.flatMap((t) => t.processes))
      assert.deepEqual(process.unexpected, {}, process.process);
    await rig.nextWindow();
    const atRest = await rig.nextWindow();
    await rig.stop();

    const flows = rig.flows();
    const talked = flows.filter((flow) => flow['destination.port'] === 7000);
    const churned = flows.filter((flow) => flow['destination.port'] !== 7000);
    assert.deepEqual(flowSums(churned), truthSums(truths));
    const done = churned
      .filter((f) => f.direction === 'egress')
      .reduce((n, f) => n + f['connections.ended'], 0);
    assert.ok(done >= connectionsWanted, `${String(done)} connections were made`);
    for (const direction of ['egress', 'ingress'] as const) {
      const sent = talked.filter((f) => f.direction === direction).reduce((n, f) => n + f['bytes.sent'], 0);
      assert.equal(sent, 2 * rounds * (direction === 'egress' ? 1000 : 3000));
    }
    assertBalance(rig.windows, flows);
    assertEvents(rig, flows);
    assert.equal(atRest['coverage.namespaces'].length, 2);
    for (const coverage of atRest['coverage.namespaces'])
      assert.deepEqual(coverage.difference, {}, JSON.stringify(coverage));
    for (const flow of flows) assert.match(flow['process.executable.path'] ?? '', /\/lab\/(churn|actor)$/);
  } finally {
    await rig[Symbol.asyncDispose]();
  }
});
