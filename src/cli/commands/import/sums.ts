/**
 * Connections summed up as an agent would: a row for each window, node and key. Holds rows until they are
 * taken; the same key may come again in later ones, with what came since.
 */

import type { ConnectionState } from '../../../model/connection.ts';
import type { Connection } from './zeek.ts';

/** As long as an agent's by default. */
export const windowMs = 10_000;

export interface Counts {
  opened: number;
  adopted: number;
  established: number;
  ended: number;
  open: number;
  abandoned: number;
  bytesSent: number;
  bytesReceived: number;
  segmentsSent: number;
  segmentsReceived: number;
  resetsSent: number;
  resetsReceived: number;
}

export interface FlowRow {
  /** Since 1970, in windows. */
  readonly window: number;
  readonly host: string;
  /** One that has the row's key. */
  readonly of: Connection;
  readonly state: ConnectionState;
  readonly counts: Counts;
}

export function noCounts(): Counts {
  return {
    opened: 0,
    adopted: 0,
    established: 0,
    ended: 0,
    open: 0,
    abandoned: 0,
    bytesSent: 0,
    bytesReceived: 0,
    segmentsSent: 0,
    segmentsReceived: 0,
    resetsSent: 0,
    resetsReceived: 0,
  };
}

function countBeginning(counts: Counts, { outcome, transport }: Connection): void {
  if (outcome.adopted) counts.adopted++;
  else counts.opened++;
  if (outcome.established && !outcome.adopted && transport === 'tcp') counts.established++;
}

/** What was transferred is told at the end: Zeek does not say when it was. */
function countEnd(counts: Counts, connection: Connection): void {
  const { outcome } = connection;
  if (outcome.ended) counts.ended++;
  else counts.abandoned++;
  counts.bytesSent += connection.bytesSent;
  counts.bytesReceived += connection.bytesReceived;
  counts.segmentsSent += connection.packetsSent;
  counts.segmentsReceived += connection.packetsReceived;
  if (outcome.side === 'local') counts.resetsSent++;
  if (outcome.side === 'remote' || outcome.state === 'refused') counts.resetsReceived++;
}

export interface Sums {
  add(connection: Connection, host: string): void;
  size(): number;
  /** In the order of windows; none are left. */
  take(): FlowRow[];
}

export function newSums(): Sums {
  let rows = new Map<string, FlowRow>();

  function countsAt(window: number, host: string, of: Connection, state: ConnectionState): Counts {
    const key = [
      window,
      host,
      state,
      of.responder,
      of.responderPort,
      of.transport,
      of.service,
      of.outcome.established,
    ].join(' ');
    let row = rows.get(key);
    if (!row) rows.set(key, (row = { window, host, of, state, counts: noCounts() }));
    return row.counts;
  }

  return {
    add(connection, host) {
      const first = Math.floor(connection.startMs / windowMs);
      const last = Math.floor(connection.endMs / windowMs);
      for (let window = first; window < last; window++) {
        const counts = countsAt(window, host, connection, 'open');
        if (window === first) countBeginning(counts, connection);
        counts.open++;
      }
      const counts = countsAt(last, host, connection, connection.outcome.state);
      if (first === last) countBeginning(counts, connection);
      countEnd(counts, connection);
    },
    size: () => rows.size,
    take() {
      const taken = [...rows.values()].sort((a, b) => a.window - b.window);
      rows = new Map();
      return taken;
    },
  };
}
