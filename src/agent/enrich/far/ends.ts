/** Which end of an observation is the far one. */

import type { Direction, Transport } from '../../../model/connection.ts';
import type { LookupRow } from '../../../model/dns.ts';
import type { ConnectionEvent, FlowRow } from '../../../model/observation.ts';

export interface FarEnd {
  readonly netns: number;
  readonly owner: number;
  readonly direction: Direction;
  readonly transport: Transport;
  /** An address, or a network of the least length that records have; null: not told. */
  readonly remote: string | null;
  /** Of the destination. */
  readonly port: number;
}

/** The destination on egress, the caller on ingress. */
export function farEndOf(of: FlowRow | ConnectionEvent): FarEnd {
  const { netns, owner, direction } = of;
  return {
    netns,
    owner,
    direction,
    transport: 'transport' in of ? of.transport : 'tcp',
    remote: direction === 'egress' ? of.destination : of.source,
    port: of.destinationPort,
  };
}

/** Who was asked; who asked is not told in a row of lookups. */
export function farEndOfLookup({
  netns,
  owner,
  direction,
  transport,
  server,
  serverPort,
}: LookupRow): FarEnd {
  const remote = direction === 'egress' ? server : null;
  return { netns, owner, direction, transport, remote, port: serverPort };
}
