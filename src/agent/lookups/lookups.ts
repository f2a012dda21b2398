/**
 * DNS lookups: out of the kernel's ring, paired, and summed up for the window. Driven by the agent's tick.
 *
 * What is consumed from the ring and not told in a window yet is lost when the agent is killed: the next one
 * knows how much that was, and says so.
 */

import type { DnsPacket, HeardAnswer, LookupRow } from '../../model/dns.ts';
import { pendingLookups } from './pending.ts';
import { lookupRows } from './rows.ts';

export const lookupLimits = {
  /** Lookups that wait for an answer; 1 KB each. */
  pendingMax: 20_000,
  /** Messages of one tick; the rest waits for the next. */
  packetsPerTickMax: 20_000,
} as const;

/** For the agent that may come next; committed with every window. JSON. */
export interface LookupsState {
  /** Messages consumed from the ring since counting began. */
  readonly consumed: number;
  /** Lookups that wait for their answers. */
  readonly pending: number;
}

export interface LookupSource {
  /** Visits at most so many messages; returns how many. */
  drain(take: (packet: DnsPacket) => void, packetsMax: number): number;
  /** Messages that were put into the ring, since counting began. */
  told(): number;
  /** Responses that the programs may have seen and did not tell, since counting began. */
  responsesLost(): number;
}

/** The parts of the configuration that are about lookups, and where the agent before was. */
export interface LookupsOptions {
  readonly dns: {
    /** In milliseconds. */
    readonly timeout: number;
  };
  readonly limits: {
    /** Names that one window tells apart. */
    readonly dns_names: number;
  };
  readonly resumed?: LookupsState | undefined;
  readonly heard?: (answer: HeardAnswer) => void;
}

export interface Lookups {
  /** Takes what the ring has. `on`: responses are seen, so that what gets none in time is unanswered. */
  tick(now: { readonly monotonicNs: bigint; readonly on: boolean }): void;
  /** Those that have ended since the window before. */
  endWindow(): LookupRow[];
  losses(): Readonly<Record<string, number>>;
  state(): LookupsState;
}

/** Which messages the agent before has consumed without telling of them: settled at the second tick. */
function openGap(told: number, before: LookupsState | undefined) {
  let [ticks, seen] = [0, 0];
  return {
    take: ({ number }: DnsPacket) => void (seen += Number(number < told)),
    /** Then all messages of before are in the ring for good, and one tick has looked. */
    settle(): number {
      return ++ticks === 2 && before ? Math.max(0, told - before.consumed - seen) : 0;
    },
  };
}

const lossNames = {
  malformed: 'malformed',
  unmatched: 'responses_unmatched',
  overflow: 'lookups_overflow',
  unknown: 'lookups_unknown',
  forgotten: 'lookups_forgotten',
  packetsForgotten: 'messages_forgotten',
  toDomain: 'names_to_domain',
  toAll: 'names_to_all',
  rowsFolded: 'rows_folded',
} as const;
type Losses = Record<keyof typeof lossNames, number>;

function counted(losses: Losses): Record<string, number> {
  const all = Object.entries(losses) as [keyof Losses, number][];
  return Object.fromEntries(
    all.filter(([, count]) => count > 0).map(([name, count]) => [`dns.${lossNames[name]}`, count]),
  );
}

export function openLookups(
  source: LookupSource,
  { dns, limits, resumed, heard = () => undefined }: LookupsOptions,
): Lookups {
  const lost = { malformed: 0, unmatched: 0, overflow: 0, unknown: 0, forgotten: 0 };
  const folded = { toDomain: 0, toAll: 0, rowsFolded: 0 };
  const rows = lookupRows(limits.dns_names, folded);
  const pending = pendingLookups({
    timeoutMs: dns.timeout,
    pendingMax: lookupLimits.pendingMax,
    losses: lost,
    ended: (lookup) => rows.add(lookup),
    heard,
  });
  const gap = openGap(source.told(), resumed);
  let packetsForgotten = 0;
  let consumed = resumed?.consumed ?? 0;
  /** At the tick before, and so before any message that this one takes was sent. */
  let responsesLost = source.responsesLost();
  lost.forgotten = resumed?.pending ?? 0;

  return {
    tick({ monotonicNs, on }) {
      const lostNow = source.responsesLost();
      consumed += source.drain((packet) => {
        gap.take(packet);
        pending.take(packet, responsesLost);
      }, lookupLimits.packetsPerTickMax);
      const missed = gap.settle();
      packetsForgotten += missed;
      consumed += missed;
      if (on) pending.expire(Number(monotonicNs), source.responsesLost());
      else pending.forget();
      responsesLost = lostNow;
    },
    endWindow: () => rows.take(),
    losses: () => counted({ ...lost, ...folded, packetsForgotten }),
    state: () => ({ consumed, pending: pending.size() }),
  };
}
