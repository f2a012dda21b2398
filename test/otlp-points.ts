/** OTLP metric requests as a receiver reads them. */

import { decodeRequest, valuesOf, type KeyValue, type Value } from './otlp-definitions.ts';

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

/** Of either kind; what the other has is left out. */
interface Point {
  readonly attributes: readonly KeyValue[];
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly value?: 'asDouble' | 'asInt';
  readonly asDouble?: number;
  readonly asInt?: string;
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}

interface Data {
  readonly dataPoints: readonly Point[];
  readonly aggregationTemporality?: number;
  readonly isMonotonic?: boolean;
}

interface Metric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  /** Which of the others is set. */
  readonly data: ReadMetric['kind'];
  readonly gauge?: Data;
  readonly sum?: Data;
  readonly histogram?: Data;
}

interface MetricsRequest {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] } | null;
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[];
  }[];
}

function numberOf({ value, asDouble, asInt }: Point): Value {
  if (value === 'asDouble') return ['double', asDouble ?? NaN];
  return value === 'asInt' ? ['int', Number(asInt)] : ['nothing'];
}

function histogramOf({ count, sum = NaN, bucketCounts = [], explicitBounds = [] }: Point): ReadHistogram {
  return { count: Number(count), sum, counts: bucketCounts.map(Number), bounds: explicitBounds };
}

function pointsOf(metric: Metric, resource: ReadMetric['resource']): ReadPoint[] {
  const { name, description, unit, data: kind } = metric;
  const { dataPoints = [], aggregationTemporality = 0, isMonotonic = false } = metric[kind] ?? {};
  return dataPoints.map((point) => ({
    resource,
    name,
    description,
    unit,
    kind,
    temporality: aggregationTemporality,
    isMonotonic,
    attributes: valuesOf(point.attributes),
    startNs: BigInt(point.startTimeUnixNano),
    timeNs: BigInt(point.timeUnixNano),
    value: numberOf(point),
    histogram: kind === 'histogram' ? histogramOf(point) : undefined,
  }));
}

/** All points of an ExportMetricsServiceRequest, in order. */
export function readMetricsRequest(body: Uint8Array): ReadPoint[] {
  const { resourceMetrics } = decodeRequest('metrics', body) as MetricsRequest;
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) => {
    const shared = valuesOf(resource?.attributes ?? []);
    return scopeMetrics.flatMap(({ metrics }) => metrics.flatMap((metric) => pointsOf(metric, shared)));
  });
}

/** The sum over the points of a metric. */
export function sumOf(points: readonly ReadPoint[], name: string): number {
  return points
    .filter((point) => point.name === name)
    .reduce((sum, { value, histogram }) => sum + (histogram?.count ?? Number(value[1])), 0);
}
