/** The other end of a connection: what records say of it beside its address. */

import type { Transport } from './connection.ts';

export const destinationScopes = [
  'loopback',
  'node',
  'link_local',
  'private',
  'cluster',
  'public',
  'metadata',
  'multicast',
] as const;
export type DestinationScope = (typeof destinationScopes)[number];

/**
 * Where a name is from. `static`: the operator's list of networks; `k8s`: the cluster; `dns`: an answer that
 * the same owner got; `dns_node`: one that somebody else on this node got.
 */
export const nameSources = ['static', 'k8s', 'dns', 'dns_node'] as const;
export type NameSource = (typeof nameSources)[number];

export const redirectors = ['envoy', 'linkerd'] as const;
export type Redirector = (typeof redirectors)[number];

/**
 * The destination's on egress, the caller's on ingress; service and translation of destinations only. What is
 * not known is left out.
 */
export interface FarLabels {
  readonly 'destination.name'?: string;
  readonly 'destination.name.source'?: NameSource;
  readonly 'destination.scope'?: DestinationScope;
  readonly 'destination.zone'?: string;
  /** This node's zone and the other's are known, and differ. */
  readonly 'boundary.crossed'?: true;
  readonly 'destination.as.number'?: number;
  readonly 'destination.as.org'?: string;
  /** ISO 3166-1, two letters. */
  readonly 'destination.geo.country'?: string;
  /** What is well known to be served at the port. */
  readonly 'destination.service'?: string;
  /** Where this node's own translation sent it; absent where a row's connections went to several. */
  readonly 'destination.translated.ip'?: string;
  readonly 'destination.translated.port'?: number;
  /** A proxy beside the process took the connection. */
  readonly 'destination.redirected_by'?: Redirector;
}

/** What a cluster has at an address. */
export interface ClusterAddress {
  /** Of the Service, or of the pod's workload. */
  readonly name: string;
  readonly namespace: string;
  /** `service`, or as `workload.kind`. */
  readonly kind: string;
  /** The Service; of a pod the first by name of those that it is behind. */
  readonly service?: string;
}

export interface ClusterAddresses {
  at(ip: string): ClusterAddress | undefined;
}

/** Connections to `ip` and `port` that this node sends elsewhere. */
export interface Translation {
  readonly transport: Transport;
  readonly ip: string;
  readonly port: number;
  readonly translated: { readonly ip: string; readonly port: number };
}
