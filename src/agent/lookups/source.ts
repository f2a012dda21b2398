/** Lookups' source: the kernel's ring of DNS messages, and what the programs count beside it. */

import type { DnsPacket } from '../../model/dns.ts';
import { openLookups, type Lookups, type LookupSource, type LookupsOptions } from './lookups.ts';

type Visitor = (view: DataView, offset: number) => void;

export interface DnsRing {
  readonly dns: { drain(visit: Visitor, packetsMax: number): number };
  readonly control: { dnsTold(): number; losses(): Readonly<Record<string, number>> };
}

/** What of DNS the programs may have seen and did not tell: an answer may be among it. */
const responseLosses = ['dns_responses_suppressed', 'dns_ring_full', 'dns_segments_unread'] as const;

type Decode = (view: DataView, offset: number) => DnsPacket;

function ringSource({ dns, control }: DnsRing, decode: Decode): LookupSource {
  return {
    drain: (take, packetsMax) => dns.drain((view, offset) => take(decode(view, offset)), packetsMax),
    told: () => control.dnsTold(),
    responsesLost() {
      const losses = control.losses();
      return responseLosses.reduce((sum, name) => sum + (losses[name] ?? 0), 0);
    },
  };
}

export function lookupsOf(ring: DnsRing, decode: Decode, options: LookupsOptions): Lookups {
  return openLookups(ringSource(ring, decode), options);
}
