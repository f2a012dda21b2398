/**
 * The node's own addresses, in each network namespace that connections were seen in, for others to know whose
 * they are.
 *
 * Owns what was found last in each namespace, as long as it is asked for: one look costs 0.2 ms of CPU, so a
 * namespace that is known is looked at every half minute only.
 */

import type { Clock } from '../../lib/clock.ts';
import { addressFamily, formatAddress } from '../../lib/address.ts';
import type { NamespaceObservation } from '../../model/observation.ts';
import type { OwnAddress } from '../../model/own-address.ts';
import { scopeOf } from './far/scope.ts';

export const ownAddressLimits = {
  /** Between two looks at one namespace. */
  lookMs: 30_000,
  /** Of all namespaces together; an address more is not told, and counted. */
  addressesMax: 4096,
} as const;

export interface OwnAddressesOptions {
  /** Undefined: the namespace is gone. */
  readonly ask: (
    inode: number,
  ) => Promise<{ readonly found: readonly DataView[]; readonly cut: boolean } | undefined>;
  readonly clock: Pick<Clock, 'monotonicNs'>;
}

export interface OwnAddresses {
  /** Of these namespaces, by their inodes; of others nothing is known any more. */
  look(inodes: readonly number[]): Promise<readonly OwnAddress[]>;
  losses(): Readonly<Record<string, number>>;
}

const none: ReadonlySet<string> = new Set();
/** They are many nodes', or nobody's. */
const shared: ReadonlySet<string | undefined> = new Set([undefined, 'loopback', 'link_local', 'multicast']);

function addressOf(netns: number, view: DataView): OwnAddress | undefined {
  const ip = formatAddress(view, 0);
  const [scope, family] = [scopeOf(ip, view, none), addressFamily(view, 0)];
  if (scope === undefined || family === undefined || shared.has(scope)) return undefined;
  return { netns, ip, family, scope };
}

/** Inodes of those that connections were seen in, and that could be entered. */
export function reachable(observed: readonly NamespaceObservation[]): number[] {
  return observed.flatMap(({ counts, unreachable }) =>
    counts.id > 0 && unreachable === undefined ? [counts.inode] : [],
  );
}

interface Looked {
  readonly atNs: bigint;
  readonly addresses: readonly OwnAddress[];
}

export function openOwnAddresses({ ask, clock }: OwnAddressesOptions): OwnAddresses {
  let known = new Map<number, Looked>();
  let cut = 0;

  async function lookAt(inode: number): Promise<Looked> {
    const atNs = clock.monotonicNs();
    const before = known.get(inode);
    if (before && Number(atNs - before.atNs) / 1e6 < ownAddressLimits.lookMs) return before;
    const answer = await ask(inode);
    if (answer?.cut) cut++;
    const addresses = answer?.found.map((view) => addressOf(inode, view)) ?? [];
    return { atNs, addresses: addresses.filter((address) => address !== undefined) };
  }

  return {
    async look(inodes) {
      const now = new Map<number, Looked>();
      for (const inode of inodes) now.set(inode, await lookAt(inode));
      known = now;
      const all = [...now.values()].flatMap(({ addresses }) => addresses);
      cut += Math.max(0, all.length - ownAddressLimits.addressesMax);
      return all.slice(0, ownAddressLimits.addressesMax);
    },
    losses: () => (cut === 0 ? {} : { 'enrich.addresses_cut': cut }),
  };
}
