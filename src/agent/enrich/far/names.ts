/**
 * Names of addresses, from the DNS answers that this node saw. Never from a question about an address
 * (reverse DNS): what its owner claims to be called is not what a process wanted.
 *
 * Owns two memories of at most `entriesMax` addresses each: by who asked (owner and network namespace), and
 * of the node, whoever asked. In both the one goes first that was longest neither heard nor used. A name
 * holds for its time to live, at least for a while, and for as long as it goes on being used: a connection
 * that stays keeps its name.
 */

import { lruMap } from '../../../lib/lru.ts';
import type { HeardAnswer } from '../../../model/dns.ts';
import type { NameSource } from '../../../model/far.ts';

export const nameLimits = {
  /** Programs keep addresses for longer than they are told to; this much is common. */
  holdMsMin: 60_000,
  /** Resolvers keep nothing for longer than this either. */
  ttlMsMax: 86_400_000,
} as const;

export interface FoundName {
  readonly name: string;
  readonly source: Extract<NameSource, 'dns' | 'dns_node'>;
}

/** Whose connection, and to where. */
export interface NameUse {
  readonly netns: number;
  readonly owner: number;
  readonly ip: string;
}

export interface AddressNames {
  heard(answer: HeardAnswer): void;
  find(use: NameUse, nowMs: number): FoundName | undefined;
  /** Addresses in the fuller memory. */
  size(): number;
}

interface Named {
  readonly found: FoundName;
  untilMs: number;
}

function keyOf({ netns, owner, ip }: NameUse): string {
  return `${String(netns)} ${String(owner)} ${ip}`;
}

export function addressNames(options: {
  readonly entriesMax: number;
  /** A use keeps a name until the windows after it have looked again. */
  readonly windowMs: number;
}): AddressNames {
  const holdMs = Math.max(nameLimits.holdMsMin, 2 * options.windowMs);
  const asked = lruMap<string, Named>(options.entriesMax);
  const onNode = lruMap<string, Named>(options.entriesMax);

  function valid(named: Named | undefined, nowMs: number): FoundName | undefined {
    if (!named || named.untilMs < nowMs) return undefined;
    named.untilMs = Math.max(named.untilMs, nowMs + holdMs);
    return named.found;
  }

  return {
    heard({ netns, owner, name, addresses, atMs }) {
      const found: FoundName = { name, source: 'dns' };
      const foundOnNode: FoundName = { name, source: 'dns_node' };
      for (const { address: ip, ttlSeconds } of addresses) {
        const untilMs = atMs + Math.min(nameLimits.ttlMsMax, Math.max(holdMs, ttlSeconds * 1000));
        // Without an owner nobody's connections could be told by it.
        if (owner !== 0) asked.set(keyOf({ netns, owner, ip }), { found, untilMs });
        onNode.set(ip, { found: foundOnNode, untilMs });
      }
    },
    find(use, nowMs) {
      const own = use.owner === 0 ? undefined : asked.get(keyOf(use));
      return valid(own, nowMs) ?? valid(onNode.get(use.ip), nowMs);
    },
    size: () => Math.max(asked.size(), onNode.size()),
  };
}
