/** What the agent tells of itself beside its windows: who it is, how it stands, what an exporter holds. */

import { packageVersion } from '../../../lib/version.ts';
import { steps } from '../../../model/budget.ts';
import type { WindowRecord } from '../../../model/record.ts';
import type { ExporterVitals, Vitals } from '../../../model/vitals.ts';
import type { Counting } from './counting.ts';
import { cleanValue, type Labels } from './labels.ts';
import type { Family, Shape } from './metrics.ts';

/** A metric that is made when it is asked for. */
export interface Live extends Family {
  readonly samples: readonly { readonly labels: Labels; readonly value: number }[];
}

type Samples = Live['samples'];
type Sample = Samples[number];

function label(name: string, value: string): Labels[number] {
  return [name, cleanValue(value)];
}

function one(value: number, labels: Labels = []): Samples {
  return [{ labels, value }];
}

/** Of the node, as its records say it: after the field policy. */
function build(window: WindowRecord | undefined): Labels {
  const fields = ['host.name', 'environment', 'k8s.node', 'k8s.cluster'] as const;
  const labels = fields.flatMap((field) => {
    const value = window?.[field];
    return value === undefined ? [] : [label(field, value)];
  });
  return [label('agent.version', packageVersion()), ...labels];
}

type Row = readonly [name: string, shape: Shape, help: string, samples: Samples];

function ofExporters(exporters: Vitals['exporters']): Row[] {
  const each = (value: (of: ExporterVitals) => number | null): Sample[] =>
    Object.entries(exporters).flatMap(([name, of]) => {
      const is = value(of);
      return is === null ? [] : [{ labels: [label('exporter', name)], value: is }];
    });
  const delivered = 'that the exporter has delivered since the agent started';
  return [
    [
      'sonde_exporter_behind_bytes',
      'gauge',
      'Bytes that wait in the spool for the exporter',
      each((of) => of.behindBytes),
    ],
    ['sonde_exporter_records_total', 'counter', `Records ${delivered}`, each((of) => of.deliveredRecords)],
    ['sonde_exporter_bytes_total', 'counter', `Bytes ${delivered}`, each((of) => of.deliveredBytes)],
    [
      'sonde_exporter_last_delivery_timestamp_seconds',
      'gauge',
      'When the exporter delivered something last',
      each(({ lastDeliveredAt }) => (lastDeliveredAt === null ? null : Date.parse(lastDeliveredAt) / 1000)),
    ],
  ];
}

function ofBudget({ step, limits }: Vitals): Row[] {
  return [
    [
      'sonde_budget_step',
      'gauge',
      '1 for what the budget leaves now, 0 for all other steps',
      steps.map((name) => ({ labels: [label('budget.step', name)], value: Number(name === step) })),
    ],
    ['sonde_budget_cpu_limit_ratio', 'gauge', 'Share of one processor that it may take', one(limits.cpu)],
    ['sonde_budget_memory_limit_bytes', 'gauge', 'Memory that it may take', one(limits.memory)],
  ];
}

function ofVitals(vitals: Vitals | undefined): Row[] {
  if (!vitals) return [];
  return [
    [
      'sonde_counting',
      'gauge',
      '1 while programs are attached and count, else 0',
      one(Number(vitals.counting)),
    ],
    [
      'sonde_window_age_seconds',
      'gauge',
      'Since a window ended, or counting began',
      one(vitals.windowAgoMs / 1000),
    ],
    ...ofBudget(vitals),
    ...ofExporters(vitals.exporters),
  ];
}

/** All of it, at this moment. */
export function selfMetrics(counting: Counting, vitals: Vitals | undefined): Live[] {
  const { series } = counting;
  const folded = 'Records of which something went to overflow series for want of room';
  const rows: Row[] = [
    [
      'sonde_build_info',
      'info',
      'Which Sonde this is, and of which node',
      one(1, build(counting.lastWindow())),
    ],
    ['sonde_windows_total', 'counter', 'Windows that ended', one(counting.windows())],
    ['sonde_series', 'gauge', 'Series of rows that there are', one(series.count())],
    ['sonde_series_limit', 'gauge', 'How many of these there may be (series_max)', one(series.max)],
    ['sonde_series_folded_records_total', 'counter', folded, one(series.folded())],
    ...ofVitals(vitals),
  ];
  return rows.map(([name, shape, help, samples]) => ({ name, shape, help, samples }));
}
