/**
 * Series as OTLP data points: cumulative sums, gauges, histograms. The bytes are made by the OpenTelemetry
 * project's serializers.
 */

import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { Labels } from '../metrics/labels.ts';
import { boundsSeconds, type Family, type Metric } from '../metrics/metrics.ts';
import type { Live } from '../metrics/self.ts';
import type { Group, Table } from '../metrics/series.ts';
import { attributeNameOf, otelNameOf } from './naming.ts';
import type { Protocol } from './options.ts';
import { hrTime, scope } from './time.ts';

type ResourceMetrics = Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0];

/** As OpenTelemetry's SDK numbers them. */
const dataPointTypes = { histogram: 0, gauge: 2, sum: 3 } as const;
const valueTypes = { int: 0, double: 1 } as const;
const cumulative = 1;

interface Histogram {
  readonly buckets: { readonly boundaries: readonly number[]; readonly counts: readonly number[] };
  readonly sum: number;
  readonly count: number;
}

/** As the serializers read it, without its points. */
interface Head {
  readonly descriptor: {
    readonly name: string;
    readonly description: string;
    readonly unit: string;
    readonly valueType: number;
  };
  readonly dataPointType: number;
  readonly aggregationTemporality: number;
  readonly isMonotonic: boolean;
}

export interface Point {
  /** The same object for all points of a metric, which stand one after the other. */
  readonly metric: Head;
  readonly attributes: Readonly<Record<string, string | boolean>>;
  readonly sinceMs: number;
  readonly value: number | Histogram;
}

export type AttributeNames = Parameters<typeof attributeNameOf>[1];

const overflow = { 'otel.metric.overflow': true } as const;

function headOf(family: Family): Head {
  const { name, unit, isWhole } = otelNameOf(family);
  const isSum = family.shape === 'counter';
  const isSingle = isSum || family.shape === 'gauge';
  return {
    descriptor: {
      name,
      description: family.help,
      unit,
      valueType: isWhole ? valueTypes.int : valueTypes.double,
    },
    dataPointType: dataPointTypes[isSum ? 'sum' : isSingle ? 'gauge' : 'histogram'],
    aggregationTemporality: cumulative,
    isMonotonic: isSum,
  };
}

function attributesOf(labels: Labels, names: AttributeNames): Record<string, string> {
  return Object.fromEntries(labels.map(([name, value]) => [attributeNameOf(name, names), value]));
}

/** A sum and a count without buckets between are a histogram with one. */
function histogramOf(own: Float64Array, { shape, divisor }: Metric): Histogram {
  if (shape === 'summary') {
    const [sum = 0, count = 0] = own;
    return { buckets: { boundaries: [], counts: [count] }, sum: sum / divisor, count };
  }
  const counts = [...own.subarray(0, boundsSeconds.length + 1)];
  return {
    buckets: { boundaries: boundsSeconds, counts },
    sum: (own[boundsSeconds.length + 1] ?? 0) / divisor,
    count: counts.reduce((sum, of) => sum + of, 0),
  };
}

function valueOf(own: Float64Array, metric: Metric): number | Histogram {
  const isSingle = metric.shape === 'counter' || metric.shape === 'gauge';
  return isSingle ? (own[0] ?? 0) / metric.divisor : histogramOf(own, metric);
}

interface Attributed {
  readonly group: Group;
  readonly attributes: Point['attributes'];
}

function metricPoints(metric: Metric, groups: readonly Attributed[], start: number): Point[] {
  const head = headOf(metric);
  return groups.map(({ group: { values, sinceMs }, attributes }) => ({
    metric: head,
    attributes,
    sinceMs,
    value: valueOf(values.subarray(start), metric),
  }));
}

function tablePoints(table: Table, names: AttributeNames): Point[] {
  const all: Attributed[] = Array.from(table.groups(), (group) => ({
    group,
    attributes: group.isOverflow ? overflow : attributesOf(group.labels, names),
  }));
  return table.metrics.flatMap((metric, i) => {
    const groups = all.filter(({ group }) => group.shown[i] === 1);
    return metricPoints(metric, groups, table.starts[i] ?? 0);
  });
}

/** Who it is of is the resource's business. */
function livePoints(live: Live, names: AttributeNames, sinceMs: number): Point[] {
  if (live.shape === 'info') return [];
  const metric = headOf(live);
  return live.samples.map(({ labels, value }) => ({
    metric,
    attributes: attributesOf(labels, names),
    sinceMs,
    value,
  }));
}

export interface Told {
  readonly tables: readonly Table[];
  readonly live: readonly Live[];
}

/** All of it; `sinceMs` is when counting began. */
export function pointsOf(
  { tables, live }: Told,
  { names, sinceMs }: { readonly names: AttributeNames; readonly sinceMs: number },
): Point[] {
  return [
    ...tables.flatMap((table) => tablePoints(table, names)),
    ...live.flatMap((of) => livePoints(of, names, sinceMs)),
  ];
}

interface Encoding {
  readonly protocol: Protocol;
  readonly resource: object;
  readonly timeMs: number;
}

export function encodePoints(points: readonly Point[], { protocol, resource, timeMs }: Encoding): Uint8Array {
  const metrics: (Head & { readonly dataPoints: object[] })[] = [];
  let last: Head | undefined;
  for (const { metric, attributes, sinceMs, value } of points) {
    if (metric !== last) metrics.push({ ...metric, dataPoints: [] });
    last = metric;
    // A clock that was set back must not let a point end before it began.
    const endTime = hrTime(Math.max(timeMs, sinceMs));
    metrics.at(-1)?.dataPoints.push({ startTime: hrTime(sinceMs), endTime, attributes, value });
  }
  const request = { resource: { attributes: resource }, scopeMetrics: [{ scope, metrics }] };
  const serializer = protocol === 'http/json' ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  // The serializers read this much of it; the SDK's has methods beside.
  return serializer.serializeRequest(request as unknown as ResourceMetrics) ?? new Uint8Array();
}
