/**
 * Rows that became equal once they were labelled (the same program under two inodes, after an upgrade) and
 * went through the field policy (addresses of one network) are one row, with the sums of all.
 */

import { mergeHistograms } from '../../model/latency.ts';
import type { FarLabels } from '../../model/far.ts';
import type { Extremes, FlowRow, Sums } from '../../model/observation.ts';
import type { ProcessLabels } from '../../model/record.ts';
import type { Fields, Shortfall } from '../../model/standard.ts';
import type { FieldPolicy } from './policy/policy.ts';
import { flowLabels, type FlowLabels, type Labelled, type Merged } from './records.ts';
import type { Judge, RowKind } from './standard/judge.ts';

interface Merging<Row, Labels> {
  readonly kind: RowKind;
  readonly policy: FieldPolicy;
  readonly judge: Judge;
  /** All but those of the process and of the other end. */
  readonly labelsOf: (row: Omit<Labelled<Row>, 'process'>) => Labels;
  readonly add: (a: Row, b: Row) => Row;
}

function bothOf(a: readonly Shortfall[], b: readonly Shortfall[]): readonly Shortfall[] {
  if (a === b || b.length === 0) return a;
  const more = b.filter(({ label, rule }) => !a.some((of) => of.label === label && of.rule === rule));
  return more.length === 0 ? a : [...a, ...more];
}

/** Judges what rows are about, applies the policy to it, then merges. */
export function mergeEqual<Row, Labels extends object>(
  rows: readonly Labelled<Row>[],
  { kind, policy, judge, labelsOf, add }: Merging<Row, Labels>,
): Merged<Row, Labels & ProcessLabels & FarLabels>[] {
  const merged = new Map<string, Merged<Row, Labels & ProcessLabels & FarLabels>>();
  for (const row of rows) {
    const owner = policy.owner(row.process);
    const far = policy.far(row.far);
    const about = labelsOf(row);
    const labels = policy.apply(about);
    const short = judge(kind, row, about as Fields);
    const key = owner.key + far.key + JSON.stringify(labels);
    const before = merged.get(key);
    const equal = before
      ? { of: add(before.of, row.of), labels: before.labels, short: bothOf(before.short, short) }
      : { of: row.of, labels: { ...owner.labels, ...far.labels, ...labels }, short };
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
  passing: { readonly policy: FieldPolicy; readonly judge: Judge },
): Merged<FlowRow, FlowLabels>[] {
  return mergeEqual(rows, { kind: 'flow', ...passing, labelsOf: flowLabels, add: addFlows });
}
