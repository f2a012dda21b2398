/**
 * The operator's list of networks: what they are called and which zone they are in. The longest prefix wins.
 * Owns one table for each length that the list has; an address is looked up once per length at most.
 */

import { addressFamily, formatNetwork, parseAddress } from '../../../lib/address.ts';
import type { NetworkEntry } from './config.ts';

export interface Networks {
  /**
   * Name and zone may be of two entries: each is of the longest prefix that has one. With a length: of those
   * that hold the whole network.
   */
  at(address: DataView, lengthMax?: number): { readonly name?: string; readonly zone?: string };
}

/** The network of an address, as a key of the table of that length. */
type KeyOf = (address: DataView, length: number) => number | string;

const keys: Readonly<Record<'ipv4' | 'ipv6', KeyOf>> = {
  ipv4: (address, length) => (length === 0 ? 0 : address.getUint32(12) >>> (32 - length)),
  ipv6: formatNetwork,
};

interface Table {
  readonly length: number;
  readonly entries: Map<number | string, NetworkEntry>;
}

/** Longest first. */
function tablesOf(entries: readonly NetworkEntry[], family: 'ipv4' | 'ipv6'): readonly Table[] {
  const tables = new Map<number, Table>();
  for (const entry of entries) {
    const [address = '', text] = entry.cidr.split('/');
    const [view, length] = [parseAddress(address), Number(text)];
    if (!view || address.includes(':') !== (family === 'ipv6')) continue;
    const table = tables.get(length) ?? { length, entries: new Map<number | string, NetworkEntry>() };
    table.entries.set(keys[family](view, length), entry);
    tables.set(length, table);
  }
  return [...tables.values()].sort((a, b) => b.length - a.length);
}

export function networksOf(entries: readonly NetworkEntry[]): Networks {
  const tables = { ipv4: tablesOf(entries, 'ipv4'), ipv6: tablesOf(entries, 'ipv6') };
  return {
    at(address, lengthMax = 128) {
      const family = addressFamily(address, 0);
      if (family === undefined) return {};
      let [name, zone]: (string | undefined)[] = [];
      for (const { length, entries: of } of tables[family]) {
        if (length > lengthMax) continue;
        const entry = of.get(keys[family](address, length));
        name ??= entry?.name;
        zone ??= entry?.zone;
        if (name !== undefined && zone !== undefined) break;
      }
      return { ...(name === undefined ? {} : { name }), ...(zone === undefined ? {} : { zone }) };
    },
  };
}

/** The zone that this node's own addresses are in; undefined where they are in none, or in several. */
export function zoneOfNode(own: ReadonlySet<string>, networks: Networks): string | undefined {
  const zones = new Set<string>();
  for (const ip of own) {
    const view = parseAddress(ip);
    const zone = view && networks.at(view).zone;
    if (zone !== undefined) zones.add(zone);
  }
  const [zone] = zones;
  return zones.size === 1 ? zone : undefined;
}
