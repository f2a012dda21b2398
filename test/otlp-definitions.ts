/**
 * OTLP requests as OpenTelemetry's own definitions read them: the code that the project generates from its
 * .proto files. (Its newer releases carry none; the protocol has not changed since.)
 */

import root from 'otlp-definitions/build/src/generated/root.js';

/** A value of AnyValue, with its type. */
export type Value =
  | readonly ['string', string]
  | readonly ['bool', boolean]
  | readonly ['int', number]
  | readonly ['double', number]
  | readonly ['array', readonly Value[]]
  | readonly ['map', Readonly<Record<string, Value>>]
  | readonly ['nothing'];

export type Values = Readonly<Record<string, Value>>;

/** `value` names the field that is set; 64 bits are decimal text. */
export interface AnyValue {
  readonly value?: keyof typeof read;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values: readonly KeyValue[] };
}

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue | null;
}

const read = {
  stringValue: (any: AnyValue): Value => ['string', any.stringValue ?? ''],
  boolValue: (any: AnyValue): Value => ['bool', any.boolValue ?? false],
  intValue: (any: AnyValue): Value => ['int', Number(any.intValue)],
  doubleValue: (any: AnyValue): Value => ['double', any.doubleValue ?? NaN],
  arrayValue: (any: AnyValue): Value => ['array', (any.arrayValue?.values ?? []).map(valueOf)],
  kvlistValue: (any: AnyValue): Value => ['map', valuesOf(any.kvlistValue?.values ?? [])],
} as const;

/** Throws for a kind of value that Sonde never sends. */
export function valueOf(any: AnyValue | null): Value {
  return any?.value === undefined ? ['nothing'] : read[any.value](any);
}

export function valuesOf(pairs: readonly KeyValue[]): Values {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, valueOf(value)]));
}

interface Type {
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): object;
}

interface Collector {
  readonly logs: { readonly v1: { readonly ExportLogsServiceRequest: Type } };
  readonly metrics: { readonly v1: { readonly ExportMetricsServiceRequest: Type } };
}

const { collector } = (root as unknown as { opentelemetry: { proto: { collector: Collector } } })
  .opentelemetry.proto;
const types = {
  logs: collector.logs.v1.ExportLogsServiceRequest,
  metrics: collector.metrics.v1.ExportMetricsServiceRequest,
} as const;

/** A request of this signal, with all that it leaves out at its default. Throws for what is none. */
export function decodeRequest(signal: keyof typeof types, bytes: Uint8Array): object {
  const type = types[signal];
  return type.toObject(type.decode(bytes), { longs: String, oneofs: true, defaults: true });
}
