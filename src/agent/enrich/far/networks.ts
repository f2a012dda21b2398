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
  at(ip: string, lengthMax?: number): { readonly name?: string; readonly zone?: string };
}

type Tables = readonly (readonly [length: number, entries: Map<string, NetworkEntry>])[];

/** Longest first. */
function tablesOf(entries: readonly NetworkEntry[]): Tables {
  const tables = new Map<number, Map<string, NetworkEntry>>();
  for (const entry of entries) {
    const length = Number(entry.cidr.split('/')[1]);
    const table = tables.get(length) ?? new Map<string, NetworkEntry>();
    table.set(entry.cidr, entry);
    tables.set(length, table);
  }
  return [...tables].sort(([a], [b]) => b - a);
}

export function networksOf(entries: readonly NetworkEntry[]): Networks {
  const tables = {
    ipv4: tablesOf(entries.filter(({ cidr }) => !cidr.includes(':'))),
    ipv6: tablesOf(entries.filter(({ cidr }) => cidr.includes(':'))),
  };
  return {
    at(ip, lengthMax = 128) {
      const view = parseAddress(ip);
      const family = view && addressFamily(view, 0);
      if (!view || family === undefined) return {};
      let [name, zone]: (string | undefined)[] = [];
      for (const [length, table] of tables[family]) {
        if (length > lengthMax) continue;
        const entry = table.get(formatNetwork(view, length));
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
  const zones = new Set([...own].map((ip) => networks.at(ip).zone).filter((zone) => zone !== undefined));
  const [zone] = zones;
  return zones.size === 1 ? zone : undefined;
}
