/**
 * Sonde's records as OTLP logs, encoded by the OpenTelemetry project's own serialisers: what an agent sends,
 * and what comes out of a collector.
 */

import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { labels } from '../src/model/labels.ts';

/** Flat, with canonical names and `event.name`. */
export type FlatRecord = Readonly<Record<string, unknown>>;

type Readable = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number];

export interface Wire {
  readonly encoding: 'protobuf' | 'json';
  readonly names: 'canonical' | 'otel';
  readonly compression: 'gzip' | 'zstd' | 'identity';
}

const byName = new Map(labels.map((label) => [label.name, label]));
const scope = { name: 'sonde' };

function attributes(record: FlatRecord, { names }: Wire, onResource: boolean): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) {
    const label = byName.get(name);
    if (!label || (label.onResource ?? false) !== onResource || value === undefined || value === null)
      continue;
    if (names === 'otel') all[label.otel] = value;
    // What sits on the resource is sent under its own name too, and the seven required labels.
    if (names === 'canonical' || onResource || label.required) all[name] = value;
  }
  return all;
}

const hrTime = (time: unknown): [number, number] => {
  const ms = Date.parse(String(time));
  return [Math.floor(ms / 1000), (ms % 1000) * 1e6];
};

function readable(record: FlatRecord, wire: Wire, resources: Map<string, Readable['resource']>): Readable {
  const emitter = { 'service.name': 'sonde-agent', ...attributes(record, wire, true) };
  const key = JSON.stringify(emitter);
  const resource = resources.get(key) ?? ({ attributes: emitter } as unknown as Readable['resource']);
  resources.set(key, resource);
  return {
    hrTime: hrTime(record['time']),
    hrTimeObserved: hrTime(record['time']),
    body: 'curl → 10.0.0.2:80 closed',
    eventName: String(record['event.name']),
    resource,
    instrumentationScope: scope,
    attributes: { ...attributes(record, wire, false), 'a.stranger': { deep: [1, 'two', { three: true }] } },
    droppedAttributesCount: 0,
  };
}

const serializers = { protobuf: ProtobufLogsSerializer, json: JsonLogsSerializer };
const compressors = { gzip: gzipSync, zstd: zstdCompressSync, identity: (bytes: Uint8Array) => bytes };

/** One request's body, not compressed. */
export function encodeLogs(records: readonly FlatRecord[], wire: Wire): Buffer {
  const resources = new Map<string, Readable['resource']>();
  const request = records.map((record) => readable(record, wire, resources));
  const bytes = serializers[wire.encoding].serializeRequest(request);
  if (!bytes) throw new Error('not serialised');
  return Buffer.from(bytes);
}

export interface Posted {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** A whole request, as it is posted. */
export function logsRequest(records: readonly FlatRecord[], wire: Wire): Posted {
  const type = wire.encoding === 'json' ? 'application/json' : 'application/x-protobuf';
  return {
    body: Buffer.from(compressors[wire.compression](encodeLogs(records, wire))),
    headers: {
      'content-type': type,
      ...(wire.compression === 'identity' ? {} : { 'content-encoding': wire.compression }),
    },
  };
}

export const plainWire: Wire = { encoding: 'protobuf', names: 'canonical', compression: 'gzip' };

/** Each encoding with each set of names and each compression. */
export const wires: readonly Wire[] = (['protobuf', 'json'] as const).flatMap((encoding) =>
  (['canonical', 'otel'] as const).flatMap((names) =>
    (['gzip', 'zstd', 'identity'] as const).map((compression) => ({ encoding, names, compression })),
  ),
);

const emitter = {
  'host.name': 'n1',
  environment: 'lab',
  'agent.instance': 'main',
  'agent.id': 'a-1',
  'agent.version': '0.1.0',
  'boot.id': 'b-1',
  'policy.version': 'full@1a2b3c4d',
  'k8s.node': 'n1',
  'k8s.cluster': 'blue',
};

export const startMs = Date.UTC(2026, 10, 25, 9, 0, 0);
export const endMs = startMs + 10_000;

const socket = {
  'process.name': 'curl',
  'process.executable.path': '/usr/bin/curl',
  'user.id': 1000,
  'user.name': 'shop',
  'workload.name': 'checkout',
  'workload.kind': 'pod',
  'workload.owner': 'team-shop',
  'workload.rule': 'shop',
  labels: { tier: 'gold' },
  'systemd.unit': 'checkout.service',
  'container.id': 'c-1',
  'container.name': 'shop-1',
  'container.image': 'shop:2',
  'container.runtime': 'containerd',
  'k8s.pod.uid': 'p-1',
  'k8s.pod.qos': 'burstable',
  'k8s.namespace': 'shop',
  'k8s.pod': 'checkout-0',
  'k8s.service_account': 'checkout',
  'enrichment.missing': ['container_runtime'],
  'cgroup.path': '/shop/checkout',
  attribution: 'exact',
  direction: 'egress',
  'network.transport': 'tcp',
  'network.type': 'ipv4',
  'network.namespace': 4_026_531_840,
  'destination.ip': '10.0.0.2',
  'destination.port': 443,
  'destination.name': 'db.example.com',
  'destination.name.source': 'dns',
  'destination.scope': 'public',
  'destination.zone': 'partner',
  'boundary.crossed': true,
  'destination.service': 'https',
  'destination.as.number': 64_500,
  'destination.as.org': 'Lab',
  'destination.geo.country': 'NZ',
  'destination.translated.ip': '10.0.0.3',
  'destination.translated.port': 8443,
  'destination.redirected_by': 'envoy',
  'connection.state': 'closed',
  'connection.established': true,
};

const windowTimes = {
  time: new Date(endMs).toISOString(),
  'window.number': 7,
  'window.start': new Date(startMs).toISOString(),
  'window.end': new Date(endMs).toISOString(),
};

export function flow(sequence: number, change: FlatRecord = {}): FlatRecord {
  return {
    ...emitter,
    ...windowTimes,
    'event.name': 'sonde.flow',
    'record.sequence': sequence,
    ...socket,
    'destination.ip.form': 'exact',
    latency_ms: 1.5,
    'latency.p50_ms': 1.5,
    'latency.histogram': [
      [1.024, 1],
      [2.048, 3],
    ],
    'connections.opened': 4,
    'connections.adopted': 0,
    'connections.established': 4,
    'connections.ended': 4,
    'connections.open': 2,
    'bytes.sent': 9_007_199_254_740_991,
    'bytes.received': 2000,
    'segments.sent': 7,
    'segments.received': 6,
    retransmits: 1,
    'retransmits.syn': 1,
    'retransmits.data': 0,
    rtt_ms: 0.5,
    'rtt.count': 3,
    rtt_min_ms: 0.25,
    'limited_ms.busy': 40,
    'limited_ms.peer_window': 30,
    'limited_ms.send_buffer': 4,
    'app.unread_bytes': 900,
    'app.unread_connections': 2,
    'app.waiting_connections': 1,
    'app.waiting_ms': 1200,
    'resets.sent': 0,
    'resets.received': 0,
    refusals: 3,
    ...change,
  };
}

export function connection(sequence: number, change: FlatRecord = {}): FlatRecord {
  return {
    ...emitter,
    'event.name': 'sonde.connection',
    time: '2026-11-25T09:00:05.123Z',
    'record.sequence': sequence,
    ...socket,
    'connection.state': 'refused',
    'connection.established': false,
    latency_ms: 0.25,
    'connection.id': 'b-1-9-1',
    'source.ip': '10.0.0.1',
    'source.port': 40_000,
    'process.pid': 42,
    'process.start': '2026-11-20T08:00:00.000Z',
    'process.command_line': 'curl -u ***',
    'process.parent.pid': 41,
    'process.parent.name': 'bash',
    'connection.duration_ms': 0.25,
    'bytes.sent': 0,
    'bytes.received': 0,
    'segments.sent': 4,
    'segments.received': 3,
    retransmits: 0,
    rtt_ms: 0.125,
    error: 'ECONNREFUSED',
    'close.reason': 'reset_received',
    ...change,
  };
}

export function listener(sequence: number, change: FlatRecord = {}): FlatRecord {
  return {
    ...emitter,
    'event.name': 'sonde.listener',
    time: new Date(endMs).toISOString(),
    'record.sequence': sequence,
    'window.number': 7,
    'listener.id': 'b-1-9',
    'listener.changes': ['limit', 'counts'],
    'process.name': 'nginx',
    'process.executable.path': '/usr/sbin/nginx',
    'user.id': 0,
    'process.pid': 42,
    'process.start': '2026-11-20T08:00:00.000Z',
    attribution: 'scanned',
    'destination.ip': '::',
    'destination.port': 443,
    'network.transport': 'tcp',
    'network.type': 'ipv6',
    'network.namespace': 4_026_531_840,
    'listener.backlog': 3,
    'listener.backlog_max': 511,
    'listener.waiting_ms': 1250,
    'listener.drops': 7,
    'listener.synack_retransmits': 2,
    'listener.resets_sent': 1,
    ...change,
  };
}

export function ownAddress(sequence: number, change: FlatRecord = {}): FlatRecord {
  return {
    ...emitter,
    ...windowTimes,
    'event.name': 'sonde.address',
    'record.sequence': sequence,
    'address.change': 'appeared',
    'destination.ip': '10.0.0.9',
    'destination.scope': 'private',
    'network.type': 'ipv4',
    'network.namespace': 4_026_531_840,
    ...change,
  };
}

export function dnsLookups(sequence: number, change: FlatRecord = {}): FlatRecord {
  const { 'connection.established': _, ...end } = socket;
  return {
    ...emitter,
    ...windowTimes,
    'event.name': 'sonde.dns',
    'record.sequence': sequence,
    ...end,
    'destination.ip.form': 'exact',
    'destination.port': 53,
    'network.transport': 'udp',
    latency_ms: 1.5,
    'latency.histogram': [
      [1.024, 1],
      [2.048, 3],
    ],
    'dns.question.name': 'example.com',
    'dns.question.type': 'A',
    'dns.rcode': 'NOERROR',
    'dns.latency_ms': 1.5,
    'dns.lookups': 4,
    'dns.attempts': 5,
    'dns.truncated': 1,
    'dns.answers': ['192.0.2.1', '192.0.2.2'],
    'dns.ttl_min': 60,
    ...change,
  };
}

export function windowEnd(sequence: number, change: FlatRecord = {}): FlatRecord {
  return {
    ...emitter,
    ...windowTimes,
    'event.name': 'sonde.window',
    'record.sequence': sequence,
    'window.records': 2,
    'window.last': true,
    'connections.opened': 4,
    'connections.adopted': 0,
    'connections.established': 4,
    'connections.ended': 4,
    'connections.ended.states': { closed: 3, refused: 1 },
    'connections.open': 2,
    'connections.orphaned': 0,
    'connections.abandoned': 0,
    'connections.untracked': 0,
    'bytes.sent': 1000,
    'bytes.received': 2000,
    retransmits: 1,
    attribution: { exact: 5, unknown: 1 },
    unlabelled: { 'process.name': 1 },
    nonstandard: { 'not_allowed.environment': 2 },
    unenriched: { kubernetes: 2 },
    'budget.step': 'windows',
    'budget.cpu': 0.012,
    'budget.memory': 130_000_000,
    'exporters.behind': { otlp: 12 },
    udp: { opened: 2, 'datagrams.sent': 9 },
    'resets.reasons': { no_socket: 3, tcp_abort_on_close: 1 },
    signals: ['lifecycle', 'retransmits'],
    lost: { 'kernel.flow_rows_full': 2 },
    'coverage.seen': 4,
    'coverage.kernel': 5,
    'coverage.unreachable': 1,
    'coverage.namespaces': [
      { 'network.namespace': 4_026_531_840, seen: { activeOpens: 4 }, kernel: { activeOpens: 5 } },
    ],
    ...change,
  };
}
