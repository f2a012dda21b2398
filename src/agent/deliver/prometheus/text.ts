/**
 * What a scraper reads: OpenMetrics 1.0, or the text format that was before it. They differ in the names of
 * counters' families, in units and in the end.
 */

import { allLabels } from '../../../model/labels.ts';
import type { Labels } from '../metrics/labels.ts';
import { boundsSeconds, type Family, type Metric } from '../metrics/metrics.ts';
import type { Live } from '../metrics/self.ts';
import type { Group, Table } from '../metrics/series.ts';

export const formats = ['openmetrics', 'text'] as const;
export type Format = (typeof formats)[number];

export const contentTypes: Readonly<Record<Format, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  text: 'text/plain; version=0.0.4; charset=utf-8',
};

/** The only label of the overflow. No process can be called so: its name is the mark, not the value. */
const overflowText = 'overflow="true"';

const labelNames: ReadonlyMap<string, string> = new Map(
  allLabels.flatMap(({ name, prometheus }) =>
    prometheus && 'label' in prometheus ? [[name, prometheus.label] as const] : [],
  ),
);

/** `process="curl",state="closed"`. */
function labelText(labels: Labels): string {
  return labels
    .map(([name, value]) => {
      const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
      return `${labelNames.get(name) ?? name}="${escaped}"`;
    })
    .join(',');
}

interface Preference {
  readonly type: string;
  readonly q: number;
}

function preferences(accept: string): Preference[] {
  return accept.split(',').map((part) => {
    const [type = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase());
    const q = Number(/^q=([0-9.]+)$/.exec(parameters.find((of) => of.startsWith('q=')) ?? '')?.[1] ?? 1);
    return { type, q: Number.isNaN(q) ? 0 : q };
  });
}

/** What a scraper's Accept wants; without a wish OpenMetrics. */
export function formatFor(accept: string | undefined): Format {
  const all = preferences(accept ?? '*/*');
  const most = (...types: readonly string[]) =>
    Math.max(0, ...all.filter(({ type }) => types.includes(type)).map(({ q }) => q));
  const openmetrics = most('application/openmetrics-text', 'application/*');
  const text = most('text/plain', 'text/*', 'text/html');
  if (openmetrics === 0 && text === 0) return 'openmetrics';
  return text > openmetrics ? 'text' : 'openmetrics';
}

function familyName({ name, shape }: Family, format: Format): string {
  if (format === 'text') return name;
  if (shape === 'counter') return name.replace(/_total$/, '');
  return shape === 'info' ? name.replace(/_info$/, '') : name;
}

function head(family: Family, format: Format): string[] {
  const name = familyName(family, format);
  const type = family.shape === 'info' && format === 'text' ? 'gauge' : family.shape;
  const unit = /_(seconds|bytes)$/.exec(name)?.[1];
  return [
    `# TYPE ${name} ${type}`,
    ...(format === 'openmetrics' && unit !== undefined ? [`# UNIT ${name} ${unit}`] : []),
    `# HELP ${name} ${family.help}`,
  ];
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${String(value)}`;
}

function histogramLines(name: string, labels: string, values: Float64Array, divisor: number): string[] {
  const lines: string[] = [];
  const before = labels === '' ? '' : `${labels},`;
  let count = 0;
  for (let i = 0; i <= boundsSeconds.length; i++) {
    count += values[i] ?? 0;
    lines.push(sample(`${name}_bucket`, `${before}le="${String(boundsSeconds[i] ?? '+Inf')}"`, count));
  }
  const sum = (values[boundsSeconds.length + 1] ?? 0) / divisor;
  return [...lines, sample(`${name}_sum`, labels, sum), sample(`${name}_count`, labels, count)];
}

interface Written extends Group {
  readonly text: string;
}

function groupLines({ name, shape, divisor }: Metric, start: number, of: Written): string[] {
  const own = of.values.subarray(start);
  const labels = of.text;
  if (shape === 'histogram') return histogramLines(name, labels, own, divisor);
  const first = (own[0] ?? 0) / divisor;
  if (shape !== 'summary') return [sample(name, labels, first)];
  return [sample(`${name}_sum`, labels, first), sample(`${name}_count`, labels, own[1] ?? 0)];
}

function tableLines(table: Table, format: Format): string[] {
  const all: Written[] = Array.from(table.groups(), (group) => ({
    ...group,
    text: group.isOverflow ? overflowText : labelText(group.labels),
  }));
  return table.metrics.flatMap((metric, i) => {
    const groups = all.filter(({ shown }) => shown[i] === 1);
    if (groups.length === 0) return [];
    return [
      ...head(metric, format),
      ...groups.flatMap((group) => groupLines(metric, table.starts[i] ?? 0, group)),
    ];
  });
}

function liveLines(live: Live, format: Format): string[] {
  if (live.samples.length === 0) return [];
  return [
    ...head(live, format),
    ...live.samples.map(({ labels, value }) => sample(live.name, labelText(labels), value)),
  ];
}

/** The whole text. Families without a sample are left out. */
export function exposition(
  { tables, live }: { readonly tables: readonly Table[]; readonly live: readonly Live[] },
  format: Format,
): string {
  const lines = [
    ...tables.flatMap((table) => tableLines(table, format)),
    ...live.flatMap((of) => liveLines(of, format)),
  ];
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}
