/** DNS: messages as they are on the wire, and lookups, which are what they are about. */

import type { AddressForm, Attribution, Direction } from './connection.ts';
import type { Histogram } from './latency.ts';

export type DnsTransport = 'udp' | 'tcp';

/** Names are lower case, in RFC 1035's text form: printable ASCII, all else as \DDD; `.` is the root. */
export interface DnsQuestion {
  readonly name: string;
  /** A, AAAA, …; TYPE65280 for one without a name here. */
  readonly type: string;
}

export interface DnsAnswer {
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  /** Of A and AAAA. */
  readonly address?: string;
  /** Of CNAME. */
  readonly target?: string;
}

export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  /** The sender had more to say than the transport takes. */
  readonly truncated: boolean;
  /** NOERROR, NXDOMAIN, …; RCODE12 for one without a name here. */
  readonly rcode: string;
  /** One, but for mDNS. */
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsAnswer[];
}

/** A message as one end of it saw it. Times are the kernel's monotonic nanoseconds. */
export interface DnsPacket {
  readonly atNs: number;
  /** Counts from 0 since counting began. */
  readonly number: number;
  /** Of the socket: unique as long as the kernel runs. */
  readonly cookie: number;
  /** 0: not known yet. */
  readonly netns: number;
  readonly owner: number;
  readonly pid: number;
  readonly attribution: Attribution;
  /** Of the message: sent is egress. */
  readonly direction: Direction;
  readonly transport: DnsTransport;
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly family: 'ipv4' | 'ipv6' | undefined;
  /** Undefined: no DNS message. */
  readonly message: DnsMessage | undefined;
}

/** What a name that was asked for led to. Times are monotonic milliseconds. */
export interface HeardAnswer {
  readonly netns: number;
  readonly owner: number;
  readonly name: string;
  readonly atMs: number;
  /** Each with the shortest time to live on the way there. */
  readonly addresses: readonly LedAddress[];
}

export interface LedAddress {
  readonly address: string;
  readonly ttlSeconds: number;
}

/** What became of lookups that nobody answered in time, where others have a response code. */
export const unansweredLookup = 'unanswered';

/** What lookups have in common that are one row of a window. */
export interface LookupKey {
  readonly netns: number;
  readonly owner: number;
  readonly attribution: Attribution;
  /** `egress`: this host's process asked. `ingress`: it was asked. */
  readonly direction: Direction;
  readonly transport: DnsTransport;
  readonly family: 'ipv4' | 'ipv6' | undefined;
  /** Of whoever was asked; null: folded away. */
  readonly server: string | null;
  readonly serverForm: AddressForm;
  readonly serverPort: number;
  readonly name: string;
  readonly type: string;
  /** A response code's name, or `unanswered`. */
  readonly rcode: string;
}

/** One row of one window. */
export interface LookupRow extends LookupKey {
  readonly lookups: number;
  /** Queries sent for them. */
  readonly attempts: number;
  /** Answered with less than there is to say. */
  readonly truncated: number;
  readonly latencySumUs: number;
  readonly latency: Histogram;
  /** Addresses, some of them where there are many. */
  readonly answers: readonly string[];
  readonly ttlMinSeconds: number | undefined;
}
