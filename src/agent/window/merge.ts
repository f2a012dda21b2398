/**
 * Rows that became equal once they were labelled (the same program under two inodes, after an upgrade) are
 * one row.
 */

import { mergeHistograms } from '../../model/latency.ts';
import type { Extremes, FlowRow, Sums } from '../../model/observation.ts';
import type { Labelled } from './records.ts';
import { whose } from './whose.ts';

function identity({ of: row, process, netnsInode }: Labelled<FlowRow>): string {
  return JSON.stringify([
    whose(process),
    netnsInode,
    row.direction,
    row.transport,
    row.state,
    row.established,
    row.attribution,
    row.family,
    row.source,
    row.sourceForm,
    row.destination,
    row.destinationForm,
    row.destinationPort,
  ]);
}

function add(a: Readonly<Sums>, b: Readonly<Sums>): Sums {
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

export function mergeRows(rows: readonly Labelled<FlowRow>[]): Labelled<FlowRow>[] {
  const merged = new Map<string, Labelled<FlowRow>>();
  for (const row of rows) {
    const key = identity(row);
    const before = merged.get(key);
    if (!before) {
      merged.set(key, row);
      continue;
    }
    merged.set(key, {
      ...before,
      of: {
        ...before.of,
        sums: add(before.of.sums, row.of.sums),
        extremes: mergeExtremes(before.of.extremes, row.of.extremes),
        latency: mergeHistograms(before.of.latency, row.of.latency),
      },
    });
  }
  return [...merged.values()];
}
