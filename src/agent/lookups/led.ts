/** Which addresses a name led to: its own, and those of the names that its answers say it stands for. */

import type { DnsAnswer, LedAddress } from '../../model/dns.ts';

/**
 * Addresses of names that nothing leads to are left out: whoever answers might name any. A message has at
 * most `recordsMax` answers, mostly in order.
 */
export function ledTo(name: string, answers: readonly DnsAnswer[]): LedAddress[] {
  /** Each with the shortest time to live on the way. */
  const names = new Map([[name, Infinity]]);
  for (let before = 0; before < names.size;) {
    before = names.size;
    for (const { name: alias, target, ttlSeconds } of answers) {
      const ttl = names.get(alias);
      if (ttl !== undefined && target !== undefined && !names.has(target))
        names.set(target, Math.min(ttl, ttlSeconds));
    }
  }
  return answers.flatMap(({ name: of, address, ttlSeconds }) => {
    const ttl = names.get(of);
    return address === undefined || ttl === undefined
      ? []
      : [{ address, ttlSeconds: Math.min(ttl, ttlSeconds) }];
  });
}
