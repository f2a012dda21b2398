/** What `sonde top` shows: a window's flows, summed to one row for each process and destination. Pure. */

import { bucketOfUs, mergeHistograms, quantileMs, type Histogram } from '../../../model/latency.ts';
import type { FlowRecord, WindowRecord } from '../../../model/record.ts';

/** What tells a row from the others, over windows. */
interface Subject {
  readonly process: string;
  /** `name` of the other end where it is known, its address otherwise; what was folded says so itself. */
  readonly destination: string;
  readonly port: number;
  readonly direction: FlowRecord['direction'];
  readonly transport: FlowRecord['network.transport'];
}

export interface TopRow extends Subject {
  readonly key: string;
  /** Per second of the window. */
  readonly opened: number;
  readonly failed: number;
  readonly retransmits: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** At its end. */
  readonly open: number;
  /** Of those that were established; null where none was. */
  readonly latencyP95Ms: number | null;
  /** How those that ended did: state to how many. */
  readonly ended: ReadonlyMap<string, number>;
}

export interface TopWindow {
  readonly host: string;
  /** RFC 3339. */
  readonly end: string;
  readonly seconds: number;
  readonly rows: readonly TopRow[];
  /** Rows that the agent had and did not tell: the smallest. */
  readonly more: number;
  readonly total: Pick<TopRow, 'opened' | 'failed' | 'retransmits' | 'open'>;
  /** Everything that was lost in it. */
  readonly lost: number;
}

export const sortKeys = ['rate', 'failures', 'latency', 'retransmits', 'bytes', 'open'] as const;
export type SortKey = (typeof sortKeys)[number];

/** By what each sorts, the most first. */
const measures: Readonly<Record<SortKey, (row: TopRow) => number>> = {
  rate: (row) => row.opened,
  failures: (row) => row.failed,
  latency: (row) => row.latencyP95Ms ?? -1,
  retransmits: (row) => row.retransmits,
  bytes: (row) => row.sentBytes + row.receivedBytes,
  open: (row) => row.open,
};

const failures: ReadonlySet<string> = new Set(['refused', 'timed_out', 'reset', 'unreachable', 'failed']);

function failedOf(flow: FlowRecord): number {
  const ended = failures.has(flow['connection.state']) ? flow['connections.ended'] : 0;
  return ended + (flow.refusals ?? 0);
}

function histogramOf(flow: FlowRecord): Histogram {
  // A bucket's upper bound is the next one's lower.
  return (flow['latency.histogram'] ?? []).map(([upperMs, count]) => ({
    bucket: bucketOfUs(Math.round(upperMs * 1000)) - 1,
    count,
  }));
}

function sum(flows: readonly FlowRecord[], of: (flow: FlowRecord) => number): number {
  return flows.reduce((all, flow) => all + of(flow), 0);
}

/** Folded rows have no name and an address that says so. */
function subjectOf(flow: FlowRecord): Subject {
  return {
    process: flow['process.name'],
    destination: flow['destination.name'] ?? flow['destination.ip'],
    port: flow['destination.port'],
    direction: flow.direction,
    transport: flow['network.transport'],
  };
}

function keyOf(subject: Subject): string {
  return JSON.stringify(Object.values(subject));
}

function endedOf(flows: readonly FlowRecord[]): Map<string, number> {
  const ended = new Map<string, number>();
  for (const flow of flows) {
    const [state, count] = [flow['connection.state'], flow['connections.ended'] + (flow.refusals ?? 0)];
    if (count > 0) ended.set(state, (ended.get(state) ?? 0) + count);
  }
  return ended;
}

function rowOf(key: string, flows: readonly FlowRecord[], seconds: number): TopRow[] {
  const [first] = flows;
  if (!first) return [];
  const perSecond = (of: (flow: FlowRecord) => number): number => sum(flows, of) / seconds;
  return [
    {
      key,
      ...subjectOf(first),
      opened: perSecond((flow) => flow['connections.opened']),
      failed: perSecond(failedOf),
      retransmits: perSecond((flow) => flow.retransmits),
      sentBytes: perSecond((flow) => flow['bytes.sent']),
      receivedBytes: perSecond((flow) => flow['bytes.received']),
      open: sum(flows, (flow) => flow['connections.open']),
      latencyP95Ms: quantileMs(flows.map(histogramOf).reduce(mergeHistograms, []), 0.95),
      ended: endedOf(flows),
    },
  ];
}

export function topWindow(window: WindowRecord, flows: readonly FlowRecord[], more: number): TopWindow {
  const seconds = Math.max(1, Date.parse(window['window.end']) - Date.parse(window['window.start'])) / 1000;
  const groups = Map.groupBy(flows, (flow) => keyOf(subjectOf(flow)));
  const rows = [...groups].flatMap(([key, group]) => rowOf(key, group, seconds));
  const states = Object.entries(window['connections.ended.states']);
  const failed = states.reduce((all, [state, count]) => all + (failures.has(state) ? count : 0), 0);
  return {
    host: window['host.name'],
    end: window['window.end'],
    seconds,
    rows,
    more,
    total: {
      opened: window['connections.opened'] / seconds,
      failed: (failed + window.refusals) / seconds,
      retransmits: window.retransmits / seconds,
      open: window['connections.open'],
    },
    lost: Object.values(window.lost).reduce((all, count) => all + count, 0),
  };
}

/** Those whose process, destination or port contains the text, without regard to case, in their order. */
export function shown(
  rows: readonly TopRow[],
  by: { readonly sort: SortKey; readonly filter: string; readonly process: string | undefined },
): readonly TopRow[] {
  const text = by.filter.toLowerCase();
  const measure = measures[by.sort];
  return rows
    .filter((row) => by.process === undefined || row.process === by.process)
    .filter((row) => `${row.process} ${row.destination}:${String(row.port)}`.toLowerCase().includes(text))
    .toSorted((a, b) => measure(b) - measure(a) || b.opened - a.opened || (a.key < b.key ? -1 : 1));
}
