/** Addresses of a node: those of its interfaces, in each of its network namespaces. */

import type { AddressForm, NetworkType } from './connection.ts';
import type { DestinationScope } from './far.ts';

/** `present`: it was there before this agent, or an hour has passed. */
export const addressChanges = ['appeared', 'present', 'gone'] as const;
export type AddressChange = (typeof addressChanges)[number];

/** A node tells again what it has once in so long: for what it told longer ago, it may have gone. */
export const addressToldAgainMs = 3_600_000;

/** Neither a loopback address nor one of a link: those are many nodes'. */
export interface OwnAddress {
  /** Inode of the network namespace. */
  readonly netns: number;
  readonly ip: string;
  readonly family: NetworkType;
  /** What it is to others. */
  readonly scope: DestinationScope;
}

export interface AddressLabels {
  readonly 'event.name': 'sonde.address';
  readonly time: string;
  readonly 'window.number': number;
  readonly 'window.start': string;
  readonly 'window.end': string;
  readonly 'address.change': AddressChange;
  readonly 'destination.ip': string;
  readonly 'destination.ip.form'?: AddressForm;
  readonly 'destination.scope': DestinationScope;
  readonly 'network.type': NetworkType;
  readonly 'network.namespace': number;
}
