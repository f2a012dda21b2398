/**
 * What became of a connection, from what Zeek calls it (`conn_state`) to the words of the records. Which end
 * closed first is in Zeek's `history`: capitals are the originator's, F is a FIN.
 */

import type { CloseReason, ConnectionState, ResetSide } from '../../../model/connection.ts';

export interface Outcome {
  readonly state: ConnectionState;
  readonly established: boolean;
  /** Its end is in the log; otherwise it was open when Zeek looked at it last. */
  readonly ended: boolean;
  /** Its beginning is not: it was there before the recording, or only one direction was recorded. */
  readonly adopted: boolean;
  readonly side?: Extract<ResetSide, 'local' | 'remote'>;
  readonly reason?: CloseReason;
  readonly error?: string;
}

const ended = { ended: true, adopted: false } as const;
const left = { state: 'open', established: true, ended: false } as const;

const tcp = new Map<string, Outcome>([
  ['S0', { ...ended, state: 'timed_out', established: false, reason: 'timeout', error: 'ETIMEDOUT' }],
  ['S1', { ...left, adopted: false }],
  ['SF', { ...ended, state: 'closed', established: true }],
  ['REJ', { ...ended, state: 'refused', established: false, reason: 'unknown', error: 'ECONNREFUSED' }],
  // One FIN, and never the other.
  ['S2', { ...left, adopted: false }],
  ['S3', { ...left, adopted: false }],
  ['RSTO', { ...ended, state: 'reset', established: true, side: 'local', reason: 'aborted' }],
  [
    'RSTR',
    {
      ...ended,
      state: 'reset',
      established: true,
      side: 'remote',
      reason: 'reset_received',
      error: 'ECONNRESET',
    },
  ],
  // The originator took its SYN back: by a RST, by a FIN.
  ['RSTOS0', { ...ended, state: 'canceled', established: false, reason: 'unknown' }],
  ['SH', { ...ended, state: 'canceled', established: false, reason: 'unknown' }],
  // Of the originator nothing was recorded.
  [
    'RSTRH',
    {
      ended: true,
      adopted: true,
      state: 'reset',
      established: false,
      side: 'remote',
      reason: 'reset_received',
    },
  ],
  ['SHR', { ended: true, adopted: true, state: 'closed', established: true }],
  ['OTH', { ...left, adopted: true }],
]);

/** No handshake, no end: a flow is over when nothing came any more. */
const udp: Outcome = { ...ended, state: 'closed', established: false, reason: 'unknown' };

function whoClosed(history: string): CloseReason {
  const first = /f/i.exec(history)?.[0];
  if (first === undefined) return 'unknown';
  return first === 'F' ? 'fin_local' : 'fin_remote';
}

/** Undefined for a word that Zeek does not have. */
export function outcomeOf(
  connState: string,
  { transport, history }: { readonly transport: 'tcp' | 'udp'; readonly history: string },
): Outcome | undefined {
  const outcome = tcp.get(connState);
  if (outcome === undefined || transport === 'tcp') {
    return outcome?.state === 'closed' ? { ...outcome, reason: whoClosed(history) } : outcome;
  }
  return udp;
}
