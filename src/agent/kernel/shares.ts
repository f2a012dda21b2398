/** How many places of the table of owners each user has: the programs count up, the agent down. */

import type { TypeInformation } from '../../lib/btf.ts';

/**
 * Counts one place of an owner back to its user. (An agent killed right then leaves the user one place short,
 * of half the table.)
 */
export function shareReturner(types: TypeInformation, shares: ArrayBuffer): (owner: DataView) => void {
  const [owner, key, share] = [types.layout('owner'), types.layout('owner_key'), types.layout('share')];
  const uidAt = owner.field('key').offset + key.field('uid').offset;
  const of = types.layout('shares').field('of');
  const words = new Int32Array(shares);
  return (record) => {
    const hash = Math.imul(record.getUint32(uidAt, true), 0x9e37_79b1) >>> 0; // as bpf/include/owner.h
    const bucket = Math.floor((hash / 2 ** 32) * of.count);
    Atomics.add(words, (of.offset + bucket * of.size + share.field('freed').offset) / 4, 1);
  };
}
