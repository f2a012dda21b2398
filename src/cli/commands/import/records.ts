/** Rows and connections of a log as the records that an agent would have sent. */

import { scopeOf } from '../../../agent/enrich/far/scope.ts';
import { parseAddress } from '../../../lib/address.ts';
import { packageVersion } from '../../../lib/version.ts';
import type { ConnectionRecord, FlowRecord, NodeLabels } from '../../../model/record.ts';
import { unknownLabel } from '../../../model/record.ts';
import type { FarLabels } from '../../../model/far.ts';
import { serviceOf } from '../../../model/services.ts';
import { windowMs, type FlowRow } from './sums.ts';
import type { Connection } from './zeek.ts';

/** `agent.instance` of all that was imported: no agent of that name was there. */
export const importInstance = 'import';

const nobodysAddresses: ReadonlySet<string> = new Set();

export interface Making {
  /** Names the log by what is in it: the same one again has the same. */
  readonly bootId: string;
  readonly environment: string;
  /** Added to all times. Whole windows, so that rows are the same whatever it is. */
  readonly shiftMs: number;
  /** The log's first window has the number 1. */
  readonly firstWindow: number;
}

export function nodeLabels(host: string, { bootId, environment }: Making): NodeLabels {
  return {
    'host.name': host,
    environment,
    'agent.instance': importInstance,
    'agent.version': packageVersion(),
    'agent.id': bootId,
    'boot.id': bootId,
    'policy.version': 'none',
  };
}

export function timeText(ms: number, { shiftMs }: Making): string {
  return new Date(Math.floor(ms) + shiftMs).toISOString();
}

/** [first, end): windows since 1970. */
export function windowLabels(
  { first, end }: { first: number; end: number },
  making: Making,
): Pick<FlowRecord, 'time' | 'window.number' | 'window.start' | 'window.end'> {
  const endText = timeText(end * windowMs, making);
  return {
    time: endText,
    'window.number': end - making.firstWindow,
    'window.start': timeText(first * windowMs, making),
    'window.end': endText,
  };
}

function farLabels({ responder, responderPort, transport, service }: Connection): FarLabels {
  const view = parseAddress(responder);
  const scope = view && scopeOf(responder, view, nobodysAddresses);
  const name = service ?? serviceOf(transport, responderPort);
  return {
    ...(scope === undefined ? {} : { 'destination.scope': scope }),
    ...(name === undefined ? {} : { 'destination.service': name }),
  };
}

function endLabels(of: Connection) {
  return {
    'process.name': unknownLabel,
    attribution: 'unknown' as const,
    direction: 'egress' as const,
    'destination.ip': of.responder,
    'destination.port': of.responderPort,
    'network.transport': of.transport,
    'network.type': of.family,
    'network.namespace': 0,
    'connection.established': of.outcome.established,
    latency_ms: null,
    ...farLabels(of),
  };
}

export function flowRecord({ window, host, of, state, counts }: FlowRow, making: Making): FlowRecord {
  return {
    'event.name': 'sonde.flow',
    ...windowLabels({ first: window, end: window + 1 }, making),
    ...nodeLabels(host, making),
    ...endLabels(of),
    'destination.ip.form': 'exact',
    'connection.state': state,
    'connections.opened': counts.opened,
    'connections.adopted': counts.adopted,
    'connections.established': counts.established,
    'connections.ended': counts.ended,
    'connections.open': counts.open,
    ...(counts.abandoned > 0 ? { 'connections.abandoned': counts.abandoned } : {}),
    'bytes.sent': counts.bytesSent,
    'bytes.received': counts.bytesReceived,
    'segments.sent': counts.segmentsSent,
    'segments.received': counts.segmentsReceived,
    retransmits: 0,
    'resets.sent': counts.resetsSent,
    'resets.received': counts.resetsReceived,
  };
}

export interface OneConnection {
  readonly of: Connection;
  readonly host: string;
  /** Of the log, from 1 on. */
  readonly line: number;
}

export function connectionRecord({ of, host, line }: OneConnection, making: Making): ConnectionRecord {
  const { outcome } = of;
  return {
    'event.name': 'sonde.connection',
    time: timeText(of.endMs, making),
    'connection.id': of.uid ?? `${making.bootId}-${line}`,
    ...nodeLabels(host, making),
    ...endLabels(of),
    'source.ip': of.originator,
    'source.port': of.originatorPort,
    'connection.state': outcome.state,
    ...(outcome.adopted ? { 'connection.adopted': true as const } : {}),
    ...(outcome.ended && !outcome.adopted ? { 'connection.duration_ms': of.endMs - of.startMs } : {}),
    'bytes.sent': of.bytesSent,
    'bytes.received': of.bytesReceived,
    'segments.sent': of.packetsSent,
    'segments.received': of.packetsReceived,
    retransmits: 0,
    ...(outcome.error === undefined ? {} : { error: outcome.error }),
    ...(outcome.side === undefined ? {} : { 'reset.side': outcome.side }),
    ...(outcome.reason === undefined ? {} : { 'close.reason': outcome.reason }),
  };
}
