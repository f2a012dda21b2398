/** Which connections somebody wants to see. All that is set must hold. */

import { BlockList, isIP, isIPv6 } from 'node:net';
import { connectionStates, directions, type ConnectionState, type Direction } from './connection.ts';
import type { ConnectionLabels } from './record.ts';

export interface ConnectionFilter {
  /** Process name, exact, or with * for any characters. */
  readonly process?: string;
  /** Destination address or CIDR. */
  readonly destination?: string;
  readonly port?: number;
  readonly states?: readonly ConnectionState[];
  readonly direction?: Direction;
}

export type FilterTarget = Pick<
  ConnectionLabels,
  'process.name' | 'destination.ip' | 'destination.port' | 'connection.state' | 'direction'
>;

/**
 * Of what has these parts and any characters between them. Part by part from the left: a regular expression
 * of many `.*` would try all ways to share a name among them.
 */
export function partsMatcher(all: readonly string[]): (name: string) => boolean {
  const [head = '', ...parts] = all;
  const tail = parts.pop();
  if (tail === undefined) return (name) => name === head;
  return (name) => {
    if (!name.startsWith(head)) return false;
    let at = head.length;
    for (const part of parts) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return name.length - tail.length >= at && name.endsWith(tail);
  };
}

/** A BlockList of one address or network; undefined when the text is neither. */
function parseNetwork(text: string): BlockList | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const family = address.includes('%') ? 0 : isIP(address); // records have no zone to compare with
  const bits = length === undefined ? (family === 6 ? 128 : 32) : Number(length);
  if (family === 0 || rest.length > 0 || !/^\d*$/.test(length ?? '') || length === '') return undefined;
  if (bits > (family === 6 ? 128 : 32)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
  return list;
}

/** A network is where its first address is; what a field policy hashed is nowhere. */
function isWithin(network: BlockList, destination: string): boolean {
  const [address = ''] = destination.split('/');
  return isIP(address) !== 0 && network.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** The first thing wrong with a filter, in words; undefined when it is sound. */
export function filterProblem(filter: ConnectionFilter): string | undefined {
  if (filter.destination !== undefined && !parseNetwork(filter.destination)) {
    return `destination ${filter.destination} is neither an address nor a CIDR`;
  }
  if (
    filter.port !== undefined &&
    !(Number.isInteger(filter.port) && filter.port >= 0 && filter.port <= 65_535)
  ) {
    return `port ${String(filter.port)} is not between 0 and 65535`;
  }
  const state = filter.states?.find((s) => !connectionStates.includes(s));
  if (state !== undefined) return `state ${state} is none of ${connectionStates.join(', ')}`;
  if (filter.direction !== undefined && !directions.includes(filter.direction)) {
    return `direction ${filter.direction} is neither egress nor ingress`;
  }
  return undefined;
}

/** Compiles a sound filter. */
export function connectionMatcher(filter: ConnectionFilter): (target: FilterTarget) => boolean {
  const process = filter.process === undefined ? undefined : partsMatcher(filter.process.split('*'));
  const network = filter.destination === undefined ? undefined : parseNetwork(filter.destination);
  return (target) => {
    if (process && !process(target['process.name'])) return false;
    if (network && !isWithin(network, target['destination.ip'])) return false;
    if (filter.port !== undefined && target['destination.port'] !== filter.port) return false;
    if (filter.states && !filter.states.includes(target['connection.state'])) return false;
    return filter.direction === undefined || target.direction === filter.direction;
  };
}
