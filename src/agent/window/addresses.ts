/**
 * The node's own addresses that are to be told at a window's end: new, gone, or not told for an hour.
 *
 * Owns what was told last of each, as long as it is there. What is there is remembered with every window, so
 * that the agent that comes after tells what went meanwhile.
 */

import {
  addressToldAgainMs,
  type AddressChange,
  type AddressLabels,
  type OwnAddress,
} from '../../model/own-address.ts';
import type { AddressRecord, NodeLabels } from '../../model/record.ts';
import type { FieldPolicy } from './policy/policy.ts';
import type { WindowBounds } from './records.ts';

type Told = Pick<
  AddressLabels,
  'destination.ip' | 'destination.scope' | 'network.type' | 'network.namespace'
>;

/** Those of the newest window, as they were told. JSON. */
export type AddressMemory = Told[];

interface Telling {
  readonly node: NodeLabels;
  readonly policy: FieldPolicy;
}

function toldOf({ netns, ip, family, scope }: OwnAddress, policy: FieldPolicy): Told {
  return policy.apply({
    'destination.ip': ip,
    'destination.scope': scope,
    'network.type': family,
    'network.namespace': netns,
  });
}

function keyOf(address: Told): string {
  return `${String(address['network.namespace'])} ${address['destination.ip']}`;
}

function addressRecord(
  address: Told,
  node: NodeLabels,
  { bounds, change }: { readonly bounds: WindowBounds; readonly change: AddressChange },
): AddressRecord {
  return {
    'event.name': 'sonde.address',
    time: bounds.end,
    'window.number': bounds.number,
    'window.start': bounds.start,
    'window.end': bounds.end,
    ...node,
    'address.change': change,
    ...address,
  };
}

/** `memory` is the teller's, and up to date between two windows. */
export function addressTeller(
  { node, policy }: Telling,
  memory: AddressMemory,
): (addresses: readonly OwnAddress[], bounds: WindowBounds) => AddressRecord[] {
  /** When each was told last. */
  let toldAt = new Map<string, number>();
  let isFirst = true;

  function changeOf(key: string, atMs: number): AddressChange | undefined {
    const last = toldAt.get(key);
    if (last === undefined) return isFirst ? 'present' : 'appeared';
    // The wall clock may have been set.
    return Math.abs(atMs - last) >= addressToldAgainMs ? 'present' : undefined;
  }

  return (addresses, bounds) => {
    const atMs = Date.parse(bounds.end);
    const records: AddressRecord[] = [];
    const tell = (address: Told, change: AddressChange) =>
      records.push(addressRecord(address, node, { bounds, change }));
    // Those that a policy made equal are told once.
    const now = new Map(addresses.map((of) => toldOf(of, policy)).map((told) => [keyOf(told), told]));
    const tellings = new Map<string, number>();
    for (const [key, address] of now) {
      const change = changeOf(key, atMs);
      if (change) tell(address, change);
      tellings.set(key, change ? atMs : (toldAt.get(key) ?? atMs));
    }
    for (const address of memory) if (!now.has(keyOf(address))) tell(address, 'gone');
    toldAt = tellings;
    isFirst = false;
    memory.splice(0, memory.length, ...now.values());
    return records;
  };
}
