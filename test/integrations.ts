/** What deploy/integrations/ has, and what the agent's Prometheus endpoint has for it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { newCounting } from '../src/agent/deliver/metrics/counting.ts';
import { rowKinds, rowMetrics, windowMetrics, type Family } from '../src/agent/deliver/metrics/metrics.ts';
import { selfMetrics } from '../src/agent/deliver/metrics/self.ts';
import { manualClock } from '../src/lib/clock.ts';
import { allLabels } from '../src/model/labels.ts';
import { standing } from './standing.ts';

export const integrations = join(import.meta.dirname, '../deploy/integrations');

export function readIntegration(path: string): string {
  return readFileSync(join(integrations, path), 'utf8');
}

function samplesOf({ name, shape }: Family): string[] {
  if (shape === 'histogram') return [`${name}_bucket`, `${name}_sum`, `${name}_count`];
  return shape === 'summary' ? [`${name}_sum`, `${name}_count`] : [name];
}

function self(): ReturnType<typeof selfMetrics> {
  const options = { fields: [], ports: new Set<number>(), dnsNames: false, seriesMax: 1000, idleMs: 1000 };
  return selfMetrics(newCounting(options, manualClock()), standing);
}

/** Names of all samples. */
export function exportedNames(): ReadonlySet<string> {
  return new Set(
    [...rowKinds.flatMap((kind) => rowMetrics[kind]), ...windowMetrics, ...self()].flatMap(samplesOf),
  );
}

/** Labels that a sample may have, those of the histogram and of a scrape too. */
export function exportedLabels(): ReadonlySet<string> {
  const standard = allLabels.flatMap(({ prometheus }) => {
    if (!prometheus) return [];
    return 'label' in prometheus ? [prometheus.label] : (prometheus.keys ?? []);
  });
  const own = self().flatMap(({ samples }) => samples.flatMap(({ labels }) => labels.map(([name]) => name)));
  return new Set([...standard, ...own, 'le', 'overflow', 'job', 'instance']);
}

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function alertRules(): readonly Rule[] {
  const { groups } = parse(readIntegration('prometheus/rules.yaml')) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}

export interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly definition?: string }[];
  };
}

export function dashboard(): Dashboard {
  return JSON.parse(readIntegration('grafana/sonde.json')) as Dashboard;
}

/** With values for Grafana's own variables and the dashboard's. */
export function withValues(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '1h').replaceAll(/\$\w+/g, 'x');
}

/** Metrics and labels that an expression names. */
export function namesIn(expr: string): {
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
} {
  const lists = [...expr.matchAll(/\b(?:by|without|on|ignoring|group_left) \(([^)]*)\)/g)];
  const matchers = [...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)];
  return {
    metrics: [...expr.matchAll(/\bsonde_\w+/g)].map(([name]) => name),
    labels: [
      ...lists.flatMap(([, list = '']) => list.split(',').map((name) => name.trim())),
      ...matchers.map(([, name = '']) => name),
    ].filter((name) => name !== ''),
  };
}
