/**
 * The end of a window: rows become records, and a closing record says what the node saw, lost and could not
 * see.
 *
 * Owns the balance since start: what was reported opened and not yet ended. Must be fed every window, in
 * order.
 */

import type { Attribution, ConnectionState } from '../../model/connection.ts';
import type { FlowRow } from '../../model/observation.ts';
import type { FlowRecord, NodeLabels, WindowRecord } from '../../model/record.ts';
import { coverageSince, type Opens } from './coverage.ts';
import { mergeRows } from './merge.ts';
import { reconcile, type NamespaceObservation, type ReconcileOptions } from './reconcile.ts';
import { flowRecord, missingLabels, type Labelled, type WindowBounds } from './records.ts';

export interface WindowParts {
  readonly bounds: WindowBounds;
  readonly rows: readonly Labelled<FlowRow>[];
  /** Counts since the agent started, by `stage.reason`. */
  readonly losses: Readonly<Record<string, number>>;
  readonly namespaces: readonly NamespaceObservation[];
}

export interface ClosedWindow {
  readonly records: readonly FlowRecord[];
  readonly closing: WindowRecord;
}

function total(records: readonly FlowRecord[], value: (record: FlowRecord) => number): number {
  return records.reduce((sum, record) => sum + value(record), 0);
}

type Shares = Pick<WindowRecord, 'connections.ended.states' | 'attribution' | 'unlabelled'>;

function countShares(records: readonly FlowRecord[]): Shares {
  const states: Partial<Record<ConnectionState, number>> = {};
  const attribution: Partial<Record<Attribution, number>> = {};
  const unlabelled: Record<string, number> = {};
  for (const record of records) {
    const state = record['connection.state'];
    if (record['connections.ended'] > 0) states[state] = (states[state] ?? 0) + record['connections.ended'];
    const stayed = record['connections.open'] + (record['connections.abandoned'] ?? 0);
    const connections = stayed + record['connections.ended'];
    attribution[record.attribution] = (attribution[record.attribution] ?? 0) + connections;
    for (const label of missingLabels(record)) unlabelled[label] = (unlabelled[label] ?? 0) + 1;
  }
  return { 'connections.ended.states': states, attribution, unlabelled };
}

/** What was added since `before`; names with nothing new are left out. */
function since(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): Record<string, number> {
  const added = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(added.filter(([, count]) => count !== 0));
}

export function windowCloser(
  node: NodeLabels,
  options: ReconcileOptions,
): (parts: WindowParts) => ClosedWindow {
  let stillOpen = 0;
  /** By namespace: one that is gone is not named any more, and takes nothing back. */
  const untrackedBefore = new Map<bigint, number>();
  let lossesBefore: Readonly<Record<string, number>> = {};
  const coverageBefore = new Map<string, Opens>();

  return ({ bounds, rows, losses, namespaces }) => {
    const records = mergeRows(rows).map((row) => flowRecord(row, node, bounds));
    const opened = total(records, (r) => r['connections.opened']);
    const adopted = total(records, (r) => r['connections.adopted']);
    const ended = total(records, (r) => r['connections.ended']);
    const found = total(records, (r) => r['connections.open'] + (r['connections.abandoned'] ?? 0));
    let untracked = 0;
    for (const { counts } of namespaces) {
      untracked += counts.untracked - (untrackedBefore.get(counts.cookie) ?? 0);
      untrackedBefore.set(counts.cookie, counts.untracked);
    }
    stillOpen += opened + adopted - ended;
    const compared = namespaces.map((observation) => reconcile(observation, options));
    const coverage = coverageSince(coverageBefore, compared);
    const closing: WindowRecord = {
      'event.name': 'sonde.window',
      time: bounds.end,
      'window.number': bounds.number,
      'window.start': bounds.start,
      'window.end': bounds.end,
      'window.records': records.length,
      ...(bounds.last ? { 'window.last': true as const } : {}),
      ...node,
      'connections.opened': opened,
      'connections.adopted': adopted,
      'connections.established': total(records, (r) => r['connections.established']),
      'connections.ended': ended,
      'connections.open': bounds.last ? 0 : found,
      'connections.orphaned': bounds.last ? 0 : stillOpen - found,
      'connections.abandoned': bounds.last ? stillOpen : 0,
      'connections.untracked': untracked,
      'bytes.sent': total(records, (r) => r['bytes.sent']),
      'bytes.received': total(records, (r) => r['bytes.received']),
      retransmits: total(records, (r) => r.retransmits),
      ...countShares(records),
      lost: since(lossesBefore, losses),
      'coverage.seen': coverage.seen,
      'coverage.kernel': coverage.kernel,
      'coverage.unreachable': coverage.unreachable,
      'coverage.namespaces': compared,
    };
    lossesBefore = losses;
    return { records, closing };
  };
}
