/** A churn with known truth, and the comparison of flow records with it. */

import assert from 'node:assert/strict';
import { ChurnServer, runChurnClient, type ChurnEnds, type ChurnTruth } from '../lab/churn.ts';
import type { FlowRecord, WindowRecord } from '../src/model/record.ts';

interface Sums {
  ended: number;
  bytesSent: number;
  bytesReceived: number;
}

/** Per process, destination and state; the names of both sides of the comparison. */
export function flowSums(flows: readonly FlowRecord[]): Record<string, Sums> {
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

export function truthSums(truths: readonly ChurnTruth[]): Record<string, Sums> {
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

/** One namespace's share: three clients, a server of two processes. `rate`: connections per second, 0 for no limit. */
export async function churn(netns: string, tag: string, perTarget: number, rate = 0): Promise<ChurnTruth[]> {
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
    rate,
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
export function assertBalance(windows: readonly WindowRecord[], flows: readonly FlowRecord[]): void {
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
