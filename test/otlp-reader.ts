/**
 * OTLP log requests as a receiver reads them (metrics: otlp-points.ts), straight from the protocol's field
 * numbers: independent of the library that wrote them. Values come as [type, value], so that a test sees the
 * type too.
 */

import { PbfReader } from 'pbf';

export type Value =
  | readonly ['string', string]
  | readonly ['bool', boolean]
  | readonly ['int', number]
  | readonly ['double', number]
  | readonly ['array', readonly Value[]]
  | readonly ['map', Readonly<Record<string, Value>>]
  | readonly ['nothing'];

export interface ReadRecord {
  readonly resource: Readonly<Record<string, Value>>;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly eventName: string;
  readonly severity: number;
  readonly body: Value;
  readonly timeNs: bigint;
  readonly observedNs: bigint;
}

export type Values = Record<string, Value>;

function readList(pbf: PbfReader): Value[] {
  return pbf.readMessage<Value[]>((tag, list, inner) => {
    if (tag === 1) list.push(readValue(inner));
  }, []);
}

export function readPair(pbf: PbfReader, into: Values): void {
  const pair = pbf.readMessage<{ key: string; value: Value }>(
    (tag, of, inner) => {
      if (tag === 1) of.key = inner.readString();
      if (tag === 2) of.value = readValue(inner);
    },
    { key: '', value: ['nothing'] },
  );
  into[pair.key] = pair.value;
}

function readMap(pbf: PbfReader): Values {
  return pbf.readMessage<Values>((tag, map, inner) => {
    if (tag === 1) readPair(inner, map);
  }, {});
}

function readValue(pbf: PbfReader): Value {
  const read = pbf.readMessage<{ value: Value }>(
    (tag, of, inner) => {
      if (tag === 1) of.value = ['string', inner.readString()];
      if (tag === 2) of.value = ['bool', inner.readBoolean()];
      if (tag === 3) of.value = ['int', inner.readVarint(true)];
      if (tag === 4) of.value = ['double', inner.readDouble()];
      if (tag === 5) of.value = ['array', readList(inner)];
      if (tag === 6) of.value = ['map', readMap(inner)];
    },
    { value: ['nothing'] },
  );
  return read.value;
}

/** pbf reads 64 bits as a double: here the nanoseconds matter. */
export function readNs(pbf: PbfReader): bigint {
  const value = pbf.dataView.getBigUint64(pbf.pos, true);
  pbf.pos += 8;
  return value;
}

interface Mutable {
  attributes: Values;
  eventName: string;
  severity: number;
  body: Value;
  timeNs: bigint;
  observedNs: bigint;
}

function readRecord(pbf: PbfReader): Mutable {
  return pbf.readMessage<Mutable>(
    (tag, record, inner) => {
      if (tag === 1) record.timeNs = readNs(inner);
      if (tag === 2) record.severity = inner.readVarint();
      if (tag === 5) record.body = readValue(inner);
      if (tag === 6) readPair(inner, record.attributes);
      if (tag === 11) record.observedNs = readNs(inner);
      if (tag === 12) record.eventName = inner.readString();
    },
    { attributes: {}, eventName: '', severity: 0, body: ['nothing'], timeNs: 0n, observedNs: 0n },
  );
}

/** All records of an ExportLogsServiceRequest, in order. */
export function readLogsRequest(body: Uint8Array): ReadRecord[] {
  const all: ReadRecord[] = [];
  new PbfReader(body).readFields((tag, _, request) => {
    if (tag !== 1) return;
    const resource: Values = {};
    const records: Mutable[] = [];
    request.readMessage((of, __, logs) => {
      if (of === 1) {
        logs.readMessage((field, ___, inner) => {
          if (field === 1) readPair(inner, resource);
        }, null);
      } else if (of === 2) {
        logs.readMessage((field, ___, inner) => {
          if (field === 2) records.push(readRecord(inner));
        }, null);
      }
    }, null);
    all.push(...records.map((record) => ({ ...record, resource })));
  }, null);
  return all;
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
