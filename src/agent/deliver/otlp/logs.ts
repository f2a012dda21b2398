/**
 * Records as OTLP log records, the way docs/reference/records.md says. What is about the emitter is on the
 * resource, everything else is an attribute; the bytes are made by the OpenTelemetry project's serializers.
 */

import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import type { Clock } from '../../../lib/clock.ts';
import type {
  AddressRecord,
  ConnectionRecord,
  DnsRecord,
  FlowRecord,
  ListenerRecord,
  NumberedRecord,
  WindowRecord,
} from '../../../model/record.ts';
import { attributesOf, emitterOf, resourceOf, type Names } from '../../../model/rendering.ts';
import type { OpenExporter } from '../exporter.ts';
import { openTransport } from './open.ts';
import type { Protocol, WireOptions } from './options.ts';
import { readResponse } from './response.ts';
import { newSender } from './sender.ts';
import { hrTime, scope } from './time.ts';
import type { SignalKind } from './transport.ts';

type LogRecord = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number];

const severity = { info: 9, warn: 13 } as const;
const failures: ReadonlySet<string> = new Set(['refused', 'timed_out', 'unreachable', 'reset', 'failed']);

function latency(record: FlowRecord | ConnectionRecord | DnsRecord): string {
  return record.latency_ms === null ? '' : ` ${String(record.latency_ms)} ms`;
}

function ends(record: FlowRecord | ConnectionRecord): string {
  const to = `${record['destination.ip']}:${String(record['destination.port'])}`;
  const arrow = record.direction === 'ingress' ? '←' : '→';
  return `${arrow} ${to} ${record['connection.state']}${latency(record)}`;
}

function dnsLine(record: DnsRecord): string {
  const arrow = record.direction === 'ingress' ? '←' : '→';
  const question = `${record['dns.question.name']} ${record['dns.question.type']}`;
  const outcome = `${record['dns.rcode']}${latency(record)}`;
  const who = `${record['process.name']} ${arrow} ${record['destination.ip']}`;
  return `${who}: ${question} ${outcome}, ${String(record['dns.lookups'])} lookups`;
}

function windowLine(record: WindowRecord): string {
  const counts = (['opened', 'ended', 'open'] as const).map(
    (what) => `${String(record[`connections.${what}`])} ${what}`,
  );
  return `window ${String(record['window.number'])}: ${counts.join(', ')}`;
}

function listenerLine(record: ListenerRecord): string {
  const { 'destination.ip': ip, 'listener.drops': drops, 'listener.changes': changes } = record;
  const at = `${ip.includes(':') ? `[${ip}]` : ip}:${String(record['destination.port'])}`;
  const dropped = drops > 0 ? `, ${String(drops)} dropped` : '';
  return `${record['process.name']} listens at ${at}: ${changes.join(', ')}${dropped}`;
}

function addressLine(record: AddressRecord): string {
  return `${record['destination.ip']} ${record['address.change']}, ${record['destination.scope']}`;
}

/** One line for people; everything in it is in the attributes too. */
function display(record: NumberedRecord): string {
  switch (record['event.name']) {
    case 'sonde.window':
      return windowLine(record);
    case 'sonde.listener':
      return listenerLine(record);
    case 'sonde.address':
      return addressLine(record);
    case 'sonde.dns':
      return dnsLine(record);
    case 'sonde.connection': {
      const { 'source.ip': source, 'source.port': port, 'process.pid': pid } = record;
      const from = source === undefined ? '' : ` ${source}${port === undefined ? '' : `:${String(port)}`}`;
      return `${record['process.name']}${pid === undefined ? '' : `[${String(pid)}]`}${from} ${ends(record)}`;
    }
    case 'sonde.flow': {
      const [opened, ended] = [record['connections.opened'], record['connections.ended']].map(String);
      return `${record['process.name']} ${ends(record)}: ${opened ?? ''} opened, ${ended ?? ''} ended`;
    }
  }
}

function severityOf(record: NumberedRecord): number {
  if (record['event.name'] === 'sonde.window' || record['event.name'] === 'sonde.address')
    return severity.info;
  if (record['event.name'] === 'sonde.listener')
    return record['listener.drops'] > 0 ? severity.warn : severity.info;
  if (record['event.name'] === 'sonde.dns' && record['dns.rcode'] !== 'NOERROR') return severity.warn;
  return failures.has(record['connection.state']) ? severity.warn : severity.info;
}

/** Log records of the same emitter share one resource object: the serializers group by identity. */
export function logRecords(
  records: readonly NumberedRecord[],
  { names, observedMs }: { names: Names; observedMs: number },
): LogRecord[] {
  const resources = new Map<string, { readonly attributes: object }>();
  const hrTimeObserved = hrTime(observedMs);
  return records.map((record) => {
    const emitter = emitterOf(record);
    const resource = resources.get(emitter) ?? { attributes: resourceOf(record) };
    resources.set(emitter, resource);
    return {
      hrTime: hrTime(Date.parse(record.time)),
      hrTimeObserved,
      severityNumber: severityOf(record),
      eventName: record['event.name'],
      body: display(record),
      resource,
      instrumentationScope: scope,
      attributes: attributesOf(record, names),
      droppedAttributesCount: 0,
    } as unknown as LogRecord; // the serializers read this much of it; the SDK's has methods beside
  });
}

export interface Encoding {
  readonly protocol: Protocol;
  readonly names: Names;
}

export function encodeRequest(
  records: readonly NumberedRecord[],
  { protocol, names, observedMs }: Encoding & { observedMs: number },
): Uint8Array {
  const serializer = protocol === 'http/json' ? JsonLogsSerializer : ProtobufLogsSerializer;
  return serializer.serializeRequest(logRecords(records, { names, observedMs })) ?? new Uint8Array();
}

const kind: SignalKind = {
  exporter: 'otlp',
  path: '/v1/logs',
  method: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  decodeResponse: (body, isJson) =>
    readResponse(body, {
      isJson,
      deserialize: (bytes) => ProtobufLogsSerializer.deserializeResponse(bytes),
      rejected: 'rejectedLogRecords',
    }),
};

export type LogsOptions = WireOptions & { readonly names: Names };

export async function openLogs(options: LogsOptions, clock: Clock): Promise<OpenExporter> {
  const transport = await openTransport(options, kind, clock);
  const sender = newSender<NumberedRecord>({
    transport,
    encode: (records) => encodeRequest(records, { ...options, observedMs: clock.wallMs() }),
    bytesMax: options.batch,
  });
  return {
    timeoutMs: options.timeout,
    deliver: (records, signal) => sender.send(records, signal),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}
