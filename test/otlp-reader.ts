/**
 * OTLP log requests as a receiver reads them (metrics: otlp-points.ts). Values come as [type, value], so that
 * a test sees the type too.
 */

import {
  decodeRequest,
  valueOf,
  valuesOf,
  type AnyValue,
  type KeyValue,
  type Value,
} from './otlp-definitions.ts';

export type { Value } from './otlp-definitions.ts';

export interface ReadRecord {
  readonly resource: Readonly<Record<string, Value>>;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly eventName: string;
  readonly severity: number;
  readonly body: Value;
  readonly timeNs: bigint;
  readonly observedNs: bigint;
}

interface LogsRequest {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] } | null;
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly attributes: readonly KeyValue[];
        readonly eventName: string;
        readonly severityNumber: number;
        readonly body: AnyValue | null;
        readonly timeUnixNano: string;
        readonly observedTimeUnixNano: string;
      }[];
    }[];
  }[];
}

/** All records of an ExportLogsServiceRequest, in order. */
export function readLogsRequest(body: Uint8Array): ReadRecord[] {
  const { resourceLogs } = decodeRequest('logs', body) as LogsRequest;
  return resourceLogs.flatMap(({ resource, scopeLogs }) => {
    const shared = valuesOf(resource?.attributes ?? []);
    return scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        resource: shared,
        attributes: valuesOf(record.attributes),
        eventName: record.eventName,
        severity: record.severityNumber,
        body: valueOf(record.body),
        timeNs: BigInt(record.timeUnixNano),
        observedNs: BigInt(record.observedTimeUnixNano),
      })),
    );
  });
}

function plain(value: Value): unknown {
  if (value[0] === 'array') return value[1].map(plain);
  if (value[0] === 'map')
    return Object.fromEntries(Object.entries(value[1]).map(([key, of]) => [key, plain(of)]));
  return value[0] === 'nothing' ? null : value[1];
}

/** A record's fields in one, without their types. */
export function plainOf({ resource, attributes, eventName }: ReadRecord): Record<string, unknown> {
  const fields = Object.entries({ ...resource, ...attributes });
  return { ...Object.fromEntries(fields.map(([key, of]) => [key, plain(of)])), 'event.name': eventName };
}
