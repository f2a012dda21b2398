/**
 * Rows that became equal once they were labelled (the same program under two inodes, after an upgrade) and
 * went through the field policy (addresses of one network) are one row, with the sums of all.
 */

import { mergeHistograms } from '../../model/latency.ts';
import type { FarLabels } from '../../model/far.ts';
import type { Extremes, FlowRow, Sums } from '../../model/observation.ts';
import type { ProcessLabels } from '../../model/record.ts';
import type { FieldPolicy } from './policy/policy.ts';
import { flowLabels, type FlowLabels, type Labelled, type Merged } from './records.ts';

interface Merging<Row, Labels> {
  readonly policy: FieldPolicy;
  /** All but those of the process and of the other end. */
  readonly labelsOf: (row: Omit<Labelled<Row>, 'process'>) => Labels;
  readonly add: (a: Row, b: Row) => Row;
}

/** Applies the policy to what rows are about, then merges. */
export function mergeEqual<Row, Labels extends object>(
  rows: readonly Labelled<Row>[],
  { policy, labelsOf, add }: Merging<Row, Labels>,
): Merged<Row, Labels & ProcessLabels & FarLabels>[] {
  const merged = new Map<string, Merged<Row, Labels & ProcessLabels & FarLabels>>();
  for (const row of rows) {
    const owner = policy.owner(row.process);
    const far = policy.far(row.far);
    const labels = policy.apply(labelsOf(row));
    const key = owner.key + far.key + JSON.stringify(labels);
    const before = merged.get(key);
    const equal = before
      ? { of: add(before.of, row.of), labels: before.labels }
      : { of: row.of, labels: { ...owner.labels, ...far.labels, ...labels } };
    merged.set(key, equal);
  }
  return [...merged.values()];
}

function addSums(a: Readonly<Sums>, b: Readonly<Sums>): Sums {
  const sums = { ...a };
  for (const name of Object.keys(sums) as (keyof Sums)[]) sums[name] += b[name];
  return sums;
}

function least(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

function mergeExtremes(a: Readonly<Extremes>, b: Readonly<Extremes>): Extremes {
  return {
    rttMinUs: least(a.rttMinUs, b.rttMinUs),
    waitingMsMax: Math.max(a.waitingMsMax, b.waitingMsMax),
  };
}

function addFlows(a: FlowRow, b: FlowRow): FlowRow {
  return {
    ...a,
    sums: addSums(a.sums, b.sums),
    extremes: mergeExtremes(a.extremes, b.extremes),
    latency: mergeHistograms(a.latency, b.latency),
  };
}

export function mergeRows(
  rows: readonly Labelled<FlowRow>[],
  policy: FieldPolicy,
): Merged<FlowRow, FlowLabels>[] {
  return mergeEqual(rows, { policy, labelsOf: flowLabels, add: addFlows });
}
