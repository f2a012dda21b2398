/**
 * The closing records of an imported log: what each node's windows come to, and that nobody knows how much of
 * it was seen. They are told when the log is over, for a connection is in it when it ended, and may have
 * begun long before.
 *
 * Owns a few numbers for every window in which a node did something, at most `windowsMax`.
 */

import { OperatorError } from '../../../lib/errors.ts';
import type { ConnectionState } from '../../../model/connection.ts';
import type { FlowRecord, WindowRecord } from '../../../model/record.ts';
import { checksOf, plainStandard, shortfallsOf, type Fields } from '../../../model/standard.ts';
import { nodeLabels, windowLabels, type Making } from './records.ts';
import { noCounts, windowMs, type Counts, type FlowRow } from './sums.ts';

export const windowsMax = 2_000_000;

/** Idle time is one window up to the hour's end: nothing that is summed by the hour is cut. */
const hourWindows = 3_600_000 / windowMs;
/** Longer than that nobody recorded: a clock that was not set makes 1970 of it. The hub takes no such range. */
const idleWindowsMax = (31 * 86_400_000) / windowMs;

interface Totals {
  records: number;
  readonly tcp: Counts;
  readonly udp: Counts;
  readonly ended: Partial<Record<ConnectionState, number>>;
  readonly unlabelled: Record<string, number>;
}

function noTotals(): Totals {
  return { records: 0, tcp: noCounts(), udp: noCounts(), ended: {}, unlabelled: {} };
}

const checks = checksOf(plainStandard).filter(({ kinds }) => kinds.includes('flow'));

function addRow(totals: Totals, { of, state, counts }: FlowRow, record: FlowRecord): void {
  const sums = totals[of.transport];
  for (const name of Object.keys(sums) as (keyof Counts)[]) sums[name] += counts[name];
  totals.records++;
  if (of.transport === 'tcp' && counts.ended > 0) {
    totals.ended[state] = (totals.ended[state] ?? 0) + counts.ended;
  }
  for (const { label } of shortfallsOf(checks, record as unknown as Fields)) {
    totals.unlabelled[label] = (totals.unlabelled[label] ?? 0) + 1;
  }
}

function udpSums(counts: Counts): Record<string, number> {
  const sums = {
    opened: counts.opened,
    adopted: counts.adopted,
    ended: counts.ended,
    open: counts.open,
    abandoned: counts.abandoned,
    'bytes.sent': counts.bytesSent,
    'bytes.received': counts.bytesReceived,
    'datagrams.sent': counts.segmentsSent,
    'datagrams.received': counts.segmentsReceived,
  };
  return Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum > 0));
}

interface Extent {
  readonly first: number;
  readonly end: number;
  readonly isLast: boolean;
}

function windowRecord(host: string, totals: Totals, extent: Extent, making: Making): WindowRecord {
  const { tcp } = totals;
  const connections = tcp.ended + tcp.open + tcp.abandoned;
  return {
    'event.name': 'sonde.window',
    ...windowLabels(extent, making),
    ...nodeLabels(host, making),
    ...(extent.isLast ? { 'window.last': true as const } : {}),
    'window.records': totals.records,
    'connections.opened': tcp.opened,
    'connections.adopted': tcp.adopted,
    'connections.established': tcp.established,
    'connections.ended': tcp.ended,
    'connections.ended.states': totals.ended,
    'connections.open': tcp.open,
    'connections.orphaned': 0,
    'connections.abandoned': tcp.abandoned,
    'connections.untracked': 0,
    'bytes.sent': tcp.bytesSent,
    'bytes.received': tcp.bytesReceived,
    retransmits: 0,
    refusals: 0,
    listeners: 0,
    udp: udpSums(totals.udp),
    attribution: connections > 0 ? { unknown: connections } : {},
    unlabelled: totals.unlabelled,
    nonstandard: {},
    unenriched: {},
    signals: [],
    lost: {},
    // Nobody compared anything: of what share this is, is not known.
    'coverage.seen': 0,
    'coverage.kernel': 0,
    'coverage.unreachable': 0,
    'coverage.attributed': 0,
    'coverage.attributable': connections,
    'coverage.namespaces': [],
  };
}

export interface Closings {
  add(row: FlowRow, record: FlowRecord): void;
  /** Of every node, from the log's first window to its last (both included). */
  records(range: { readonly first: number; readonly last: number }): Generator<WindowRecord>;
}

/** Throws import.too_many beyond `windowsMax`. */
export function newClosings(file: string, making: Making, most: number = windowsMax): Closings {
  const nodes = new Map<string, Map<number, Totals>>();
  let count = 0;

  function totalsOf({ host, window }: FlowRow): Totals {
    let windows = nodes.get(host);
    if (!windows) nodes.set(host, (windows = new Map<number, Totals>()));
    let totals = windows.get(window);
    if (totals) return totals;
    if (++count > most) throw new OperatorError('import.too_many', { file, max: most });
    windows.set(window, (totals = noTotals()));
    return totals;
  }

  function* idle(
    host: string,
    from: number,
    { end, isLast }: Omit<Extent, 'first'>,
  ): Generator<WindowRecord> {
    for (let first = end - from > idleWindowsMax ? end - 1 : from; first < end;) {
      const next = Math.min(end, (Math.floor(first / hourWindows) + 1) * hourWindows);
      yield windowRecord(host, noTotals(), { first, end: next, isLast: isLast && next === end }, making);
      first = next;
    }
  }

  return {
    add: (row, record) => addRow(totalsOf(row), row, record),
    *records({ first, last }) {
      for (const [host, windows] of nodes) {
        let at = first;
        for (const window of [...windows.keys()].sort((a, b) => a - b)) {
          yield* idle(host, at, { end: window, isLast: false });
          at = window + 1;
          const totals = windows.get(window) ?? noTotals();
          yield windowRecord(host, totals, { first: window, end: at, isLast: window === last }, making);
        }
        yield* idle(host, at, { end: last + 1, isLast: true });
      }
    },
  };
}
