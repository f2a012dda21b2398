/** What TCP itself knows of a connection, as labels: counts that are 0, and times nobody measured, are left out. */

import type { Direction } from '../../model/connection.ts';
import type { ConnectionEvent, FlowRow } from '../../model/observation.ts';
import type { FlowRecord, TcpDepth } from '../../model/record.ts';
import { round } from './round.ts';

function counted<T extends Readonly<Record<string, number>>>(counts: T): Partial<T> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)) as Partial<T>;
}

interface Retransmits {
  readonly direction: Direction;
  readonly all: number;
  /** SYNs of who connects, SYN-ACKs of who is connected to. */
  readonly handshake: number;
}

function retransmitKinds({ direction, all, handshake }: Retransmits): TcpDepth {
  const [syn, synack] = direction === 'egress' ? [handshake, 0] : [0, handshake];
  return counted({
    'retransmits.syn': syn,
    'retransmits.synack': synack,
    'retransmits.data': all - handshake,
  });
}

function limits(of: { busyMs: number; peerWindowMs: number; sendBufferMs: number }): TcpDepth {
  return counted({
    'limited_ms.busy': of.busyMs,
    'limited_ms.peer_window': of.peerWindowMs,
    'limited_ms.send_buffer': of.sendBufferMs,
  });
}

export function flowDepth({ direction, sums, extremes }: FlowRow): Partial<FlowRecord> {
  const { rttSumUs, rttCount } = sums;
  return {
    ...retransmitKinds({ direction, all: sums.retransmits, handshake: sums.handshakeRetransmits }),
    ...(rttCount === 0 ? {} : { rtt_ms: round(rttSumUs / rttCount / 1000), 'rtt.count': rttCount }),
    ...(extremes.rttMinUs === null ? {} : { rtt_min_ms: round(extremes.rttMinUs / 1000) }),
    ...limits(sums),
    ...counted({
      'app.unread_bytes': sums.unreadBytes,
      'app.unread_connections': sums.unreadConnections,
      'app.waiting_connections': sums.waitingConnections,
      'app.waiting_ms': extremes.waitingMsMax,
    }),
  };
}

export function socketDepth(event: ConnectionEvent): TcpDepth {
  const { direction, retransmits, handshakeRetransmits } = event;
  const kinds = { direction, all: retransmits, handshake: handshakeRetransmits };
  return {
    ...(event.adopted ? {} : retransmitKinds(kinds)), // nobody saw the handshake of what was open already
    ...(event.rttUs === null ? {} : { rtt_ms: round(event.rttUs / 1000) }),
    ...(event.rttMinUs === null ? {} : { rtt_min_ms: round(event.rttMinUs / 1000) }),
    ...limits(event),
    ...counted({ 'app.unread_bytes': event.unreadBytes, 'app.waiting_ms': event.waitingMs }),
  };
}
