/** From labelled observations to records: names, times, means and quantiles. */

import { getSystemErrorMap } from 'node:util';
import type { AddressForm } from '../../model/connection.ts';
import { bucketStartUs, quantileMs, type Histogram } from '../../model/latency.ts';
import type { FarLabels } from '../../model/far.ts';
import type { ConnectionEvent, FlowRow } from '../../model/observation.ts';
import type { ConnectionRecord, FlowRecord, NodeLabels, ProcessLabels } from '../../model/record.ts';
import type { Shortfall } from '../../model/standard.ts';
import { flowDepth, socketDepth } from './depth.ts';
import type { FieldPolicy } from './policy/policy.ts';
import { round } from './round.ts';
import type { WallTimes } from './time.ts';

/**
 * An observation with what enrichment found out about it. `netnsInode` is 0 where the namespace is not known.
 */
export interface Labelled<T> {
  readonly of: T;
  readonly process: ProcessLabels;
  readonly netnsInode: number;
  /** Of the other end, where there is one. */
  readonly far?: FarLabels | undefined;
  /** Of the one process, where it is wanted. */
  readonly commandLine?: string | undefined;
}

/** A row as it is told: with its labels, and what all rows that have the same ones counted. */
export interface Merged<Row, Labels> {
  readonly of: Row;
  readonly labels: Labels;
  /** What falls short of the labelling standard. */
  readonly short: readonly Shortfall[];
}

/** `last`: the agent stops for good, so what is open will not be told any more. */
export interface WindowBounds {
  readonly number: number;
  readonly start: string;
  readonly end: string;
  readonly last: boolean;
}

const errorNames = getSystemErrorMap();

const anyAddress = { ipv4: '0.0.0.0/0', ipv6: '::/0' } as const;

/** A folded address is the widest prefix, so that the field always holds an address or a prefix. */
export function addressOrAny(address: string | null, family: FlowRow['family']): string {
  return address ?? anyAddress[family ?? 'ipv4'];
}

/** Of what a histogram counts. */
export function meanMs(histogram: Histogram, sumUs: number): number | null {
  const measured = histogram.reduce((total, { count }) => total + count, 0);
  return measured === 0 ? null : round(sumUs / measured / 1000);
}

type LatencyLabels = Pick<
  FlowRecord,
  'latency.p50_ms' | 'latency.p95_ms' | 'latency.p99_ms' | 'latency.histogram'
>;

export function latencyLabels(histogram: Histogram): LatencyLabels {
  if (histogram.length === 0) return {};
  const quantile = (q: number) => {
    const ms = quantileMs(histogram, q);
    return ms === null ? null : round(ms);
  };
  return {
    'latency.p50_ms': quantile(0.5),
    'latency.p95_ms': quantile(0.95),
    'latency.p99_ms': quantile(0.99),
    'latency.histogram': histogram.map(
      ({ bucket, count }) => [bucketStartUs(bucket + 1) / 1000, count] as const,
    ),
  };
}

function sourceLabels(row: FlowRow): { 'source.ip'?: string; 'source.ip.form'?: AddressForm } {
  if (row.direction === 'egress') return {};
  return { 'source.ip': addressOrAny(row.source, row.family), 'source.ip.form': row.sourceForm };
}

type FlowIdentity = Pick<
  FlowRecord,
  | 'attribution'
  | 'direction'
  | 'source.ip'
  | 'source.ip.form'
  | 'destination.ip'
  | 'destination.ip.form'
  | 'destination.port'
  | 'network.transport'
  | 'network.type'
  | 'network.namespace'
  | 'connection.state'
  | 'connection.established'
>;

/** What it is about: rows in which all of it is equal are one row. The process is told beside it. */
export function flowLabels({ of: row, netnsInode }: Omit<Labelled<FlowRow>, 'process'>): FlowIdentity {
  return {
    attribution: row.attribution,
    direction: row.direction,
    ...sourceLabels(row),
    'destination.ip': addressOrAny(row.destination, row.family),
    'destination.ip.form': row.destinationForm,
    'destination.port': row.destinationPort,
    'network.transport': row.transport,
    ...(row.family ? { 'network.type': row.family } : {}),
    'network.namespace': netnsInode,
    'connection.state': row.state,
    'connection.established': row.established,
  };
}

export type FlowLabels = FlowIdentity & ProcessLabels & FarLabels;

export function flowRecord(
  { of: row, labels }: Omit<Merged<FlowRow, FlowLabels>, 'short'>,
  node: NodeLabels,
  window: WindowBounds,
): FlowRecord {
  const { sums } = row;
  return {
    'event.name': 'sonde.flow',
    time: window.end,
    'window.number': window.number,
    'window.start': window.start,
    'window.end': window.end,
    ...node,
    ...labels,
    latency_ms: meanMs(row.latency, sums.latencySumUs),
    ...latencyLabels(row.latency),
    'connections.opened': sums.opened,
    'connections.adopted': sums.adopted,
    'connections.established': sums.established,
    'connections.ended': sums.ended,
    'connections.open': window.last ? 0 : sums.open,
    ...(window.last && sums.open > 0 ? { 'connections.abandoned': sums.open } : {}),
    ...(sums.refusals > 0 ? { refusals: sums.refusals } : {}),
    'bytes.sent': sums.bytesSent,
    'bytes.received': sums.bytesReceived,
    'segments.sent': sums.segmentsSent,
    'segments.received': sums.segmentsReceived,
    retransmits: sums.retransmits,
    ...flowDepth(row),
    'resets.sent': sums.resetsSent,
    'resets.received': sums.resetsReceived,
    ...(sums.timeoutsByApplication > 0 ? { 'timeouts.by_application': sums.timeoutsByApplication } : {}),
  };
}

/** ECONNREFUSED for 111; an unknown number says so. */
function errorLabel(errno: number): string {
  return errorNames.get(-errno)?.[0] ?? `E${String(errno)}`;
}

function endLabels(event: ConnectionEvent): Partial<ConnectionRecord> {
  if (event.moment !== 'ended') return {};
  return {
    ...(event.adopted ? {} : { 'connection.duration_ms': round((event.atNs - event.startedNs) / 1e6) }),
    ...(event.error === 0 ? {} : { error: errorLabel(event.error) }),
    ...(event.resetSide === undefined ? {} : { 'reset.side': event.resetSide }),
    'close.reason': event.closeReason,
    ...(event.timeoutBy === undefined ? {} : { 'timeout.by': event.timeoutBy }),
  };
}

function parentLabels({ parentPid, parentName }: ConnectionEvent): Partial<ConnectionRecord> {
  return parentPid === 0 ? {} : { 'process.parent.pid': parentPid, 'process.parent.name': parentName };
}

export function commandLineLabel(commandLine: string | undefined): { 'process.command_line'?: string } {
  return commandLine === undefined ? {} : { 'process.command_line': commandLine };
}

function connectionLabels(
  { of: event, netnsInode, commandLine }: Omit<Labelled<ConnectionEvent>, 'process'>,
  times: WallTimes,
) {
  return {
    'process.pid': event.pid,
    ...(event.pid > 0 ? { 'process.start': times.ofBoot(event.pidStartedNs) } : {}),
    ...parentLabels(event),
    ...commandLineLabel(commandLine),
    attribution: event.attribution,
    direction: event.direction,
    'source.ip': event.source,
    'source.port': event.sourcePort,
    'destination.ip': event.destination,
    'destination.port': event.destinationPort,
    'network.transport': 'tcp' as const,
    ...(event.family ? { 'network.type': event.family } : {}),
    'network.namespace': netnsInode,
  };
}

export function connectionRecord(
  labelled: Labelled<ConnectionEvent>,
  { node, policy }: { readonly node: NodeLabels; readonly policy: FieldPolicy },
  times: WallTimes,
): ConnectionRecord {
  const { of: event, process, far } = labelled;
  return {
    'event.name': 'sonde.connection',
    time: times.ofMonotonic(event.atNs),
    'connection.id': `${node['boot.id']}-${String(event.cookie)}-${String(event.sequence)}`,
    ...node,
    ...policy.owner(process).labels,
    ...policy.far(far).labels,
    ...policy.apply(connectionLabels(labelled, times)),
    'connection.state': event.state,
    'connection.established': event.established,
    ...(event.adopted ? { 'connection.adopted': true as const } : {}),
    latency_ms: event.latencyUs === null ? null : round(event.latencyUs / 1000),
    ...endLabels(event),
    'bytes.sent': event.bytesSent,
    'bytes.received': event.bytesReceived,
    'segments.sent': event.segmentsSent,
    'segments.received': event.segmentsReceived,
    retransmits: event.retransmits,
    ...socketDepth(event),
  };
}
