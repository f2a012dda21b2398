/** A churn with known truth, and the comparison of what was told with it. */

import assert from 'node:assert/strict';
import { ChurnServer, runChurnClient, type ChurnEnds, type ChurnTruth } from '../lab/churn.ts';
import type { FlowRecord, WindowRecord } from '../src/model/record.ts';

/** After which a churn is ended, and the test with it. */
const limitS = 400;

export interface Sums {
  ended: number;
  bytesSent: number;
  bytesReceived: number;
}

/** What a row must have to be summed: a record of the agent, or a row of an answer. */
export type Told = Pick<
  FlowRecord,
  | 'process.name'
  | 'direction'
  | 'destination.ip'
  | 'destination.port'
  | 'connection.state'
  | 'connections.ended'
  | 'bytes.sent'
  | 'bytes.received'
>;

/** Per process (each has a name of its own), destination and state; the names of both sides of the comparison. */
export function flowSums(flows: readonly Told[]): Record<string, Sums> {
  const sums: Record<string, Sums> = {};
  for (const flow of flows) {
    if (flow['connections.ended'] === 0 && flow['bytes.sent'] + flow['bytes.received'] === 0) continue;
    // What a sweep saw of a connection that ended later is in an `open` row; only its bytes are.
    const key = [flow['process.name'], flow.direction, flow['destination.ip'], flow['destination.port']];
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
  const add = (process: string, end: ChurnEnds) => {
    const key = [process, end.direction, end.destinationIp, end.destinationPort];
    const ended = (sums[[...key, end.state].join(' ')] ??= { ended: 0, bytesSent: 0, bytesReceived: 0 });
    ended.ended += end.connections;
    const bytes = (sums[[...key, 'bytes'].join(' ')] ??= { ended: 0, bytesSent: 0, bytesReceived: 0 });
    bytes.bytesSent += end.bytesSent;
    bytes.bytesReceived += end.bytesReceived;
  };
  for (const truth of truths) for (const p of truth.processes) for (const end of p.ends) add(p.process, end);
  return Object.fromEntries(
    Object.entries(sums).filter(([, s]) => s.ended + s.bytesSent + s.bytesReceived > 0),
  );
}

const payload = { send: 120, receive: 480 };
const reply = { send: 480, receive: 120 };

export interface Churn {
  /** Path of a network namespace. */
  readonly netns: string;
  /** The clients are called cli-TAG-N, the servers srv-TAG-N. */
  readonly tag: string;
  /** Connections of each of three clients to each of five targets. */
  readonly perTarget: number;
  /** Connections per second of all three; 0 is no limit. */
  readonly rate?: number;
}

/** One namespace's share: three clients, a server of two processes. Returns both truths. */
export async function churn({ netns, tag, perTarget, rate = 0 }: Churn): Promise<ChurnTruth[]> {
  await using server = await ChurnServer.start({
    name: `srv-${tag}`,
    netns,
    workers: 2,
    limitS,
    listeners: [
      { ip: '127.0.0.1', port: 9001, action: 'fin_remote', ...reply },
      { ip: '127.0.0.1', port: 9002, action: 'fin_local', ...reply },
      { ip: '127.0.0.1', port: 9003, action: 'aborted', ...reply },
      { ip: '127.0.0.1', port: 9004, action: 'reset_received', ...reply },
    ],
  });
  const ip = '127.0.0.1';
  const client = await runChurnClient({
    name: `cli-${tag}`,
    netns,
    workers: 3,
    limitS,
    rate,
    targets: [
      { ip, port: 9001, action: 'fin_local', count: perTarget, ...payload },
      { ip, port: 9002, action: 'fin_remote', count: perTarget, ...payload },
      { ip, port: 9003, action: 'reset_received', count: perTarget, ...payload },
      { ip, port: 9004, action: 'aborted', count: perTarget, ...payload },
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
