/**
 * From records to series: rows of windows under labels of their owners and ends, closing records as what the
 * agent says of itself. Single events are in the rows already, and not counted.
 *
 * Owns the mark of what was counted: a record that is delivered again is not counted again.
 */

import type { Clock } from '../../../lib/clock.ts';
import type { FieldName } from '../../../model/labels.ts';
import type { NumberedRecord, RowRecord, WindowRecord } from '../../../model/record.ts';
import { cleanValue, labeller, type LabelOptions, type Labels } from './labels.ts';
import { boundOf, boundsSeconds, meansOf, rowMetrics, windowMetrics, type Metric } from './metrics.ts';
import { newSeries, type Addition, type Series, type Table } from './series.ts';

export const countingLimits = {
  /** Series of what the agent says of itself: they must not be crowded out. */
  selfSeriesMax: 1000,
} as const;

export interface CountingOptions extends LabelOptions {
  readonly seriesMax: number;
  /** After so long without a record a set of labels is forgotten. */
  readonly idleMs: number;
}

type NumberedWindow = WindowRecord & NumberedRecord;

export interface Counting {
  add(record: NumberedRecord): void;
  readonly tables: readonly Table[];
  /** Of rows. */
  readonly series: Series;
  windows(): number;
  /** The newest closing record. */
  lastWindow(): NumberedWindow | undefined;
}

type Fields = Readonly<Partial<Record<FieldName, unknown>>>;
type Buckets = readonly (readonly [upperMs: number, count: number])[];

const nothing: readonly Addition[] = [];

function numberIn(record: Fields, field: FieldName): number {
  const value = record[field];
  return typeof value === 'number' ? value : 0;
}

function histogramIn(record: Fields, field: FieldName): readonly Addition[] {
  const buckets = record['latency.histogram'] as Buckets | undefined;
  if (!buckets) return nothing;
  const count = buckets.reduce((sum, [, of]) => sum + of, 0);
  const sumUs = Math.round(numberIn(record, field) * count * 1000);
  return [
    ...buckets.map(([upperMs, of]) => [boundOf(upperMs), of] as const),
    [boundsSeconds.length + 1, sumUs],
  ];
}

/** A mean and its count are a sum and its count. */
function summaryIn(record: Fields, field: FieldName, countField: FieldName): readonly Addition[] {
  const count = numberIn(record, countField);
  if (count === 0) return nothing;
  return [
    [0, Math.round(numberIn(record, field) * count * 1000)],
    [1, count],
  ];
}

function additionsOf(record: Fields, { shape, field }: Metric): readonly Addition[] {
  if (shape === 'histogram') return histogramIn(record, field);
  const countField = meansOf.get(field);
  if (countField) return summaryIn(record, field, countField);
  const value = numberIn(record, field);
  if (value === 0) return nothing;
  return [[shape === 'gauge' ? 1 : 0, value]];
}

/** `kernel.events_suppressed` as stage and reason; the last label has all that is left. */
function keyLabels(key: string, names: readonly string[]): Labels {
  const parts = key.split('.');
  const values = names.map((_, i) => (i < names.length - 1 ? (parts[i] ?? '') : parts.slice(i).join('.')));
  return names.map((name, i) => [name, cleanValue(values[i] ?? '')] as const);
}

interface Keyed {
  readonly metric: Metric;
  readonly table: Table;
}

/** What is in a map or a list of the closing record, by key; all that may be in a list, with 0. */
function entriesOf(record: Fields, { field, values }: Metric): (readonly [string, number])[] {
  const of = record[field];
  if (Array.isArray(of)) return values.map((value) => [value, Number(of.includes(value))] as const);
  return Object.entries((of ?? {}) as Readonly<Record<string, number>>);
}

interface SelfTables {
  readonly tables: readonly Table[];
  add(record: WindowRecord, nowNs: bigint): void;
}

function selfTables(clock: Clock): SelfTables {
  const series = newSeries(countingLimits.selfSeriesMax, clock);
  const plainMetrics = windowMetrics.filter(({ keys }) => keys.length === 0);
  const sums = series.table(plainMetrics);
  const keyed: Keyed[] = windowMetrics
    .filter(({ keys }) => keys.length > 0)
    .map((metric) => ({ metric, table: series.table([metric]) }));
  const tables = [sums, ...keyed.map(({ table }) => table)];
  return {
    tables,
    add(record, nowNs) {
      const fields = record as unknown as Fields;
      const additions = plainMetrics.map((metric) => additionsOf(fields, metric));
      sums.add([], additions, nowNs);
      for (const { metric, table } of keyed) {
        for (const [key, value] of entriesOf(fields, metric)) {
          const place = metric.shape === 'gauge' ? 1 : 0;
          table.add(keyLabels(key, metric.keys), [[[place, value]]], nowNs);
        }
      }
      for (const table of tables) table.closeWindow();
    },
  };
}

/** Says of a record whether it is new: sequences of one agent and boot rise. */
function newcomers(): (record: NumberedRecord) => boolean {
  let of = '';
  let last = -1;
  return (record) => {
    const from = `${record['boot.id']}/${record['agent.instance']}`;
    if (from === of && record['record.sequence'] <= last) return false;
    [of, last] = [from, record['record.sequence']];
    return true;
  };
}

export function newCounting(options: CountingOptions, clock: Clock): Counting {
  const series = newSeries(options.seriesMax, clock);
  const rows = {
    'sonde.flow': series.table(rowMetrics.flow),
    'sonde.dns': series.table(rowMetrics.dns),
    'sonde.listener': series.table(rowMetrics.listener),
  } as const;
  const rowTables = Object.values(rows);
  const self = selfTables(clock);
  const labelsOf = labeller(options);
  const isNew = newcomers();
  const idleNs = BigInt(options.idleMs) * 1_000_000n;
  let windows = 0;
  let lastWindow: NumberedWindow | undefined;
  /** The window that rows are being told of. */
  let telling = '';

  function addRow(row: RowRecord, nowNs: bigint): void {
    const window = `${row['agent.id']}/${String(row['window.number'])}`;
    if (window !== telling) for (const table of rowTables) table.forgetWindow();
    telling = window;
    if (row['event.name'] === 'sonde.address') return; // nothing to count
    const table = rows[row['event.name']];
    const additions = table.metrics.map((metric) => additionsOf(row as unknown as Fields, metric));
    table.add(labelsOf(row), additions, nowNs);
  }

  function addWindow(record: NumberedWindow, nowNs: bigint): void {
    // A window without rows has nothing open; what a lost one told before is not this one's.
    const window = `${record['agent.id']}/${String(record['window.number'])}`;
    if (window !== telling) for (const table of rowTables) table.forgetWindow();
    for (const table of rowTables) {
      table.closeWindow();
      table.forgetBefore(nowNs - idleNs);
    }
    telling = '';
    self.add(record, nowNs);
    windows += 1;
    lastWindow = record;
  }

  return {
    add(record) {
      if (!isNew(record)) return;
      const nowNs = clock.monotonicNs();
      if (record['event.name'] === 'sonde.window') addWindow(record, nowNs);
      else if (record['event.name'] !== 'sonde.connection') addRow(record, nowNs);
    },
    tables: [...rowTables, ...self.tables],
    series,
    windows: () => windows,
    lastWindow: () => lastWindow,
  };
}
