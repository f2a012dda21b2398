/** What kind of place an address is, from the address itself and those of this host. */

import { networkInterfaces } from 'node:os';
import { formatAddress, isPublic, parseAddress } from '../../../lib/address.ts';
import type { DestinationScope } from '../../../model/far.ts';

/** Where clouds tell an instance about itself, its credentials among it. */
const metadataAddresses: ReadonlySet<string> = new Set(['169.254.169.254', 'fd00:ec2::254']);

function isV4(view: DataView): boolean {
  return view.getBigUint64(0) === 0n && view.getUint32(8) === 0xffff;
}

function isUnspecified(view: DataView): boolean {
  return view.getBigUint64(8) === (isV4(view) ? 0xffff_0000_0000n : 0n) && view.getBigUint64(0) === 0n;
}

function isLoopback(view: DataView): boolean {
  if (isV4(view)) return view.getUint8(12) === 127;
  return view.getBigUint64(0) === 0n && view.getBigUint64(8) === 1n;
}

function isLinkLocal(view: DataView): boolean {
  if (isV4(view)) return view.getUint16(12) === 0xa9fe;
  return (view.getUint16(0) & 0xffc0) === 0xfe80;
}

/** Broadcast to the link is to many too. */
function isMulticast(view: DataView): boolean {
  if (isV4(view)) return (view.getUint8(12) & 0xf0) === 0xe0 || view.getUint32(12) === 0xffff_ffff;
  return view.getUint8(0) === 0xff;
}

/**
 * Of an address as records write it, and its bytes; undefined for the unspecified one. `own`: those of this
 * host.
 */
export function scopeOf(
  ip: string,
  view: DataView,
  own: ReadonlySet<string>,
): Exclude<DestinationScope, 'cluster'> | undefined {
  if (isUnspecified(view)) return undefined;
  if (isLoopback(view)) return 'loopback';
  if (metadataAddresses.has(ip)) return 'metadata';
  if (isLinkLocal(view)) return 'link_local';
  if (own.has(ip)) return 'node';
  if (isMulticast(view)) return 'multicast';
  return isPublic(view) ? 'public' : 'private';
}

/**
 * Of this host's interfaces in the agent's own network namespace, as records write them. Link-local ones are
 * a link's, not the host's, and come and go with every container.
 */
export function ownAddresses(): Set<string> {
  const own = new Set<string>();
  for (const entries of Object.values(networkInterfaces())) {
    for (const { address } of entries ?? []) {
      const view = parseAddress(address);
      if (view && !isLinkLocal(view)) own.add(formatAddress(view, 0));
    }
  }
  return own;
}
