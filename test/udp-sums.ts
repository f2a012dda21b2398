/** What tests of UDP flows share: an agent that looks at them, and sums of its rows as a test writes them. */

import assert from 'node:assert/strict';
import type { Actor, SocketId, SocketKind } from '../lab/actor.ts';
import type { Namespace } from '../lab/namespaces.ts';
import type { FlowRecord } from '../src/model/record.ts';
import { startRig, type Rig } from './rig.ts';

export function startUdpRig(at: Namespace, settings: Record<string, unknown> = {}): Promise<Rig> {
  const config = { namespaces: [at.path], signals: { udp: 'on' }, window: '200ms', ...settings };
  return startRig(config, { watch: false });
}

export interface UdpSums {
  opened: number;
  adopted: number;
  /** How many ended, by how; and those that were there when the agent stopped. */
  closed: number;
  refused: number;
  abandoned: number;
  bytesSent: number;
  bytesReceived: number;
  datagramsSent: number;
  datagramsReceived: number;
}

export const noUdp: Readonly<UdpSums> = {
  opened: 0,
  adopted: 0,
  closed: 0,
  refused: 0,
  abandoned: 0,
  bytesSent: 0,
  bytesReceived: 0,
  datagramsSent: 0,
  datagramsReceived: 0,
};

function add(sum: UdpSums, flow: FlowRecord): void {
  const state = flow['connection.state'];
  sum.opened += flow['connections.opened'];
  sum.adopted += flow['connections.adopted'];
  if (state === 'closed' || state === 'refused') sum[state] += flow['connections.ended'];
  sum.abandoned += flow['connections.abandoned'] ?? 0;
  sum.bytesSent += flow['bytes.sent'];
  sum.bytesReceived += flow['bytes.received'];
  sum.datagramsSent += flow['segments.sent'];
  sum.datagramsReceived += flow['segments.received'];
}

function isUdp(flow: FlowRecord): boolean {
  return flow['network.transport'] === 'udp';
}

/** Keys are `process direction ip port`. */
export function udpSums(flows: readonly FlowRecord[]): Record<string, UdpSums> {
  const sums: Record<string, UdpSums> = {};
  for (const flow of flows.filter(isUdp)) {
    const at = [flow['process.name'], flow.direction, flow['destination.ip'], flow['destination.port']];
    add((sums[at.join(' ')] ??= { ...noUdp }), flow);
  }
  return sums;
}

export function udpTotals(flows: readonly FlowRecord[]): UdpSums {
  const sum = { ...noUdp };
  for (const flow of flows.filter(isUdp)) add(sum, flow);
  return sum;
}

interface Bound {
  readonly server: Actor;
  readonly s: SocketId;
}

/** A process with a socket that waits for datagrams. */
export async function bound(
  at: Namespace,
  ip: string,
  port: number,
  how: { name?: string; kind?: SocketKind } = {},
) {
  const { name = 'server', kind = ip.includes(':') ? 'udp6' : 'udp4' } = how;
  const server = await at.actor(name);
  const s = await server.socket(kind);
  await server.bind(s, ip, port);
  return { server, s } satisfies Bound;
}

/** What the kernel counted in a namespace where all was read that was sent. */
export function assertKernelAgrees(at: Namespace, flows: readonly FlowRecord[]): void {
  const { datagramsSent, datagramsReceived } = udpTotals(flows);
  const { read, sent, dropped } = at.udpCounters();
  assert.deepEqual(
    { datagramsSent, datagramsReceived, dropped: 0 },
    {
      datagramsSent: sent,
      datagramsReceived: read,
      dropped,
    },
  );
}
