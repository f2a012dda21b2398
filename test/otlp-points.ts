/** OTLP metric requests as a receiver reads them, straight from the protocol's field numbers. */

import { PbfReader } from 'pbf';
import { readNs, readPair, type Value, type Values } from './otlp-reader.ts';

export interface ReadHistogram {
  readonly count: number;
  readonly sum: number;
  readonly counts: readonly number[];
  readonly bounds: readonly number[];
}

export interface ReadMetric {
  readonly resource: Readonly<Record<string, Value>>;
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly kind: 'gauge' | 'sum' | 'histogram';
  /** 2: since the start. */
  readonly temporality: number;
  readonly isMonotonic: boolean;
}

export interface ReadPoint extends ReadMetric {
  readonly attributes: Readonly<Record<string, Value>>;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  /** Of what is one number. */
  readonly value: Value;
  /** Of the others. */
  readonly histogram: ReadHistogram | undefined;
}

interface MutablePoint {
  attributes: Values;
  startNs: bigint;
  timeNs: bigint;
  value: Value;
  histogram: ReadHistogram | undefined;
}

function packed<Item>(pbf: PbfReader, read: (inner: PbfReader) => Item): Item[] {
  const inner = new PbfReader(pbf.readBytes());
  const all: Item[] = [];
  while (inner.pos < inner.length) all.push(read(inner));
  return all;
}

function readInt(pbf: PbfReader): number {
  const value = pbf.dataView.getBigInt64(pbf.pos, true);
  pbf.pos += 8;
  return Number(value);
}

function emptyPoint(): MutablePoint {
  return { attributes: {}, startNs: 0n, timeNs: 0n, value: ['nothing'], histogram: undefined };
}

function readNumber(pbf: PbfReader): MutablePoint {
  return pbf.readMessage<MutablePoint>((tag, point, inner) => {
    if (tag === 2) point.startNs = readNs(inner);
    if (tag === 3) point.timeNs = readNs(inner);
    if (tag === 4) point.value = ['double', inner.readDouble()];
    if (tag === 6) point.value = ['int', readInt(inner)];
    if (tag === 7) readPair(inner, point.attributes);
  }, emptyPoint());
}

function readHistogram(pbf: PbfReader): MutablePoint {
  const of = { count: 0, sum: 0, counts: [] as number[], bounds: [] as number[] };
  const point = pbf.readMessage<MutablePoint>((tag, into, inner) => {
    if (tag === 2) into.startNs = readNs(inner);
    if (tag === 3) into.timeNs = readNs(inner);
    if (tag === 4) of.count = readInt(inner);
    if (tag === 5) of.sum = inner.readDouble();
    if (tag === 6) of.counts = packed(inner, readInt);
    if (tag === 7) of.bounds = packed(inner, (bytes) => bytes.readDouble());
    if (tag === 9) readPair(inner, into.attributes);
  }, emptyPoint());
  return { ...point, histogram: of };
}

interface MutableMetric {
  name: string;
  description: string;
  unit: string;
  kind: ReadMetric['kind'];
  temporality: number;
  isMonotonic: boolean;
  points: MutablePoint[];
}

function readData(pbf: PbfReader, metric: MutableMetric): void {
  pbf.readMessage((tag, _, inner) => {
    if (tag === 1) metric.points.push(metric.kind === 'histogram' ? readHistogram(inner) : readNumber(inner));
    if (tag === 2) metric.temporality = inner.readVarint();
    if (tag === 3) metric.isMonotonic = inner.readBoolean();
  }, null);
}

const kinds: Readonly<Record<number, ReadMetric['kind']>> = { 5: 'gauge', 7: 'sum', 9: 'histogram' };

function readMetric(pbf: PbfReader): MutableMetric {
  return pbf.readMessage<MutableMetric>(
    (tag, metric, inner) => {
      if (tag === 1) metric.name = inner.readString();
      if (tag === 2) metric.description = inner.readString();
      if (tag === 3) metric.unit = inner.readString();
      const kind = kinds[tag];
      if (kind === undefined) return;
      metric.kind = kind;
      readData(inner, metric);
    },
    {
      name: '',
      description: '',
      unit: '',
      kind: 'gauge',
      temporality: 0,
      isMonotonic: false,
      points: [],
    },
  );
}

/** All points of an ExportMetricsServiceRequest, in order. */
export function readMetricsRequest(body: Uint8Array): ReadPoint[] {
  const all: ReadPoint[] = [];
  new PbfReader(body).readFields((tag, _, request) => {
    if (tag !== 1) return;
    const resource: Values = {};
    const metrics: MutableMetric[] = [];
    request.readMessage((of, __, under) => {
      under.readMessage((field, ___, inner) => {
        if (of === 1 && field === 1) readPair(inner, resource);
        if (of === 2 && field === 2) metrics.push(readMetric(inner));
      }, null);
    }, null);
    for (const { points, ...metric } of metrics)
      all.push(...points.map((point) => ({ ...metric, ...point, resource })));
  }, null);
  return all;
}

/** The sum over the points of a metric. */
export function sumOf(points: readonly ReadPoint[], name: string): number {
  return points
    .filter((point) => point.name === name)
    .reduce((sum, { value, histogram }) => sum + (histogram?.count ?? Number(value[1])), 0);
}
