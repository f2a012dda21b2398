/** Which metrics there are: made of the labelling standard, where a field says that it is the value of one. */

import { allLabels, presencesOf, type FieldName, type Label } from '../../../model/labels.ts';

export const rowKinds = ['flow', 'dns', 'listener'] as const;
export type RowKind = (typeof rowKinds)[number];
/** In this order: a field that is on several kinds of records is counted from the first. */
const kinds = [...rowKinds, 'window'] as const;
type Kind = (typeof kinds)[number];

export type Shape = 'counter' | 'gauge' | 'summary' | 'histogram' | 'info';

/** One metric family. Its name is that of its samples, `_total` included. */
export interface Family {
  readonly name: string;
  readonly shape: Shape;
  readonly help: string;
}

export interface Metric extends Family {
  readonly shape: Exclude<Shape, 'info'>;
  readonly field: FieldName;
  /** Every record of its kind has it: then it is there from the beginning, with 0. */
  readonly always: boolean;
  /** What its values are divided by when they are shown: the standard has milliseconds. */
  readonly divisor: number;
  /** Of a map or a list: the labels that its keys are. */
  readonly keys: readonly string[];
  /** All that a list may have. */
  readonly values: readonly string[];
}

/**
 * Upper bounds of the latency histogram in seconds: powers of two of a microsecond, from 128 us to 134 s, so
 * that each is a border between buckets of the rows (four to the octave) and none of them is split. Every
 * doubling to 8 s, where nearly all handshakes and the first retransmissions are, every second one above.
 */
const boundPowers = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25, 27] as const;
export const boundsSeconds: readonly number[] = boundPowers.map((power) => 2 ** power / 1e6);

/** The bound that a row's bucket is counted under, by its end in milliseconds; +Inf is behind the last. */
export function boundOf(upperMs: number): number {
  const upperUs = Math.round(upperMs * 1000);
  const i = boundPowers.findIndex((power) => upperUs <= 2 ** power);
  return i < 0 ? boundPowers.length : i;
}

/** Told when something else changes about a listener: a gauge of it would be what was once. */
const notShown: ReadonlySet<string> = new Set(['listener.backlog', 'listener.backlog_max']);

/** Means that have buckets beside them; in the standard both are values of the metric. */
const histograms: ReadonlySet<string> = new Set(['latency_ms', 'dns.latency_ms']);

/** A mean, and the field that has of how many. */
export const meansOf: ReadonlyMap<string, FieldName> = new Map([['rtt_ms', 'rtt.count']]);

function shapeOf({ name, of }: Label, metric: string): Metric['shape'] | undefined {
  if (notShown.has(name) || of === 'bucket') return undefined;
  if (histograms.has(name)) return 'histogram';
  if (meansOf.has(name)) return 'summary';
  return metric.endsWith('_total') ? 'counter' : 'gauge';
}

/** A sentence of the reference without its Markdown. */
export function plain(markdown: string): string {
  return markdown
    .replace(/\s*\(\[[^\]]*\]\([^)]*\)\)/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*\\]/g, '');
}

/** Latencies are summed up in whole microseconds, which add up exactly; the rest is in milliseconds. */
function divisorOf({ unit }: Label, shape: Metric['shape']): number {
  if (unit !== 'ms') return 1;
  return shape === 'histogram' || shape === 'summary' ? 1e6 : 1000;
}

function isPlain(shape: Shape): boolean {
  return shape === 'counter' || shape === 'gauge';
}

function metricOf(label: Label, kind: Kind): Metric | undefined {
  const { prometheus, name, means, values = [] } = label;
  if (!prometheus || 'label' in prometheus) return undefined;
  const shape = shapeOf(label, prometheus.value);
  const presences = presencesOf(label);
  const first = kinds.find((of) => presences.some((presence) => presence.kind === of));
  if (!shape || first !== kind) return undefined;
  return {
    name: prometheus.value,
    shape,
    help: plain(means),
    field: name as FieldName,
    always: isPlain(shape) && presences.some((of) => of.kind === kind && !of.mayLack),
    divisor: divisorOf(label, shape),
    keys: prometheus.keys ?? [],
    values,
  };
}

function metricsOf(kind: Kind): readonly Metric[] {
  return allLabels.map((label) => metricOf(label, kind)).filter((metric) => metric !== undefined);
}

/** Of rows: with labels of their owners and ends. */
export const rowMetrics: Readonly<Record<RowKind, readonly Metric[]>> = {
  flow: metricsOf('flow'),
  dns: metricsOf('dns'),
  listener: metricsOf('listener'),
};

/** Of closing records: what the agent tells of itself. */
export const windowMetrics = metricsOf('window');
