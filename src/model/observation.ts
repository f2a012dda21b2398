/** What the kernel told, decoded: numbers and words, no labels of this node yet. Stages hand these on. */

import type {
  AddressForm,
  Attribution,
  CloseReason,
  ConnectionState,
  Direction,
  ResetSide,
  Transport,
  TimeoutBy,
} from './connection.ts';
import type { Histogram } from './latency.ts';

export interface Sums {
  opened: number;
  adopted: number;
  established: number;
  ended: number;
  open: number;
  bytesSent: number;
  bytesReceived: number;
  segmentsSent: number;
  segmentsReceived: number;
  retransmits: number;
  /** Of these, SYNs (egress) or SYN-ACKs (ingress). */
  handshakeRetransmits: number;
  /** The sender had something to send; of that time the peer's window, its own send buffer held it up. */
  busyMs: number;
  peerWindowMs: number;
  sendBufferMs: number;
  /** Smoothed, of `rttCount` sockets that were looked at. */
  rttSumUs: number;
  rttCount: number;
  /** Of sockets that were looked at: not read yet by the application; an answer is owed. */
  unreadBytes: number;
  unreadConnections: number;
  waitingConnections: number;
  resetsSent: number;
  resetsReceived: number;
  timeoutsByApplication: number;
  refusals: number;
  latencySumUs: number;
}

/** Of the sockets that were looked at. */
export interface Extremes {
  /** null: no round trip was measured. */
  rttMinUs: number | null;
  waitingMsMax: number;
}

/** One row of one window. `source` is who called, on ingress only. Addresses are text; null: folded away. */
export interface FlowRow {
  readonly netns: number;
  readonly owner: number;
  readonly direction: Direction;
  readonly transport: Transport;
  readonly state: ConnectionState;
  readonly established: boolean;
  readonly attribution: Attribution;
  readonly family: 'ipv4' | 'ipv6' | undefined;
  readonly source: string | null;
  readonly sourceForm: AddressForm;
  readonly destination: string | null;
  readonly destinationForm: AddressForm;
  readonly destinationPort: number;
  readonly sums: Readonly<Sums>;
  readonly extremes: Readonly<Extremes>;
  readonly latency: Histogram;
}

/**
 * One connection end at one moment. Times are the kernel's monotonic nanoseconds, `pidStartedNs` its
 * boot-time ones.
 */
export interface ConnectionEvent {
  readonly moment: 'established' | 'ended';
  readonly atNs: number;
  readonly startedNs: number;
  readonly cookie: number;
  readonly sequence: number;
  readonly netns: number;
  readonly owner: number;
  readonly pid: number;
  readonly pidStartedNs: number;
  /** Who started it, as it was when it became the owner; 0: not known. */
  readonly parentPid: number;
  readonly parentName: string;
  readonly direction: Direction;
  readonly state: ConnectionState;
  readonly established: boolean;
  readonly adopted: boolean;
  readonly attribution: Attribution;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly family: 'ipv4' | 'ipv6' | undefined;
  readonly latencyUs: number | null;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly segmentsSent: number;
  readonly segmentsReceived: number;
  readonly retransmits: number;
  readonly handshakeRetransmits: number;
  readonly busyMs: number;
  readonly peerWindowMs: number;
  readonly sendBufferMs: number;
  /** null: none was measured. */
  readonly rttUs: number | null;
  readonly rttMinUs: number | null;
  readonly unreadBytes: number;
  readonly waitingMs: number;
  /** errno, 0 when there was none. */
  readonly error: number;
  readonly resetSide: ResetSide | undefined;
  readonly closeReason: CloseReason;
  readonly timeoutBy: TimeoutBy | undefined;
  /** Wanted by the policy; otherwise it is there for a live trace only. */
  readonly detail: boolean;
}

/** A TCP listener, as it was when it was last looked at. Its counts are since it is known. */
export interface Listener {
  /** Of its socket: unique for as long as the kernel runs. */
  readonly cookie: string;
  readonly netns: number;
  readonly owner: number;
  readonly pid: number;
  /** Boot-time nanoseconds. */
  readonly pidStartedNs: number;
  readonly attribution: Attribution;
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly port: number;
  readonly backlog: number;
  readonly backlogMax: number;
  /** How long the first of the backlog has been there; 0: it is empty, null: not known. */
  readonly waitingMs: number | null;
  readonly counts: ListenerCounts;
  /** The window in which it became known. */
  readonly first: number;
  readonly gone: boolean;
}

export interface ListenerCounts {
  readonly drops: number;
  readonly synackRetransmits: number;
  readonly resetsSent: number;
}

/** Who a number in `owner` stands for. `path` is undefined where the executable could not be told. */
export interface Owner {
  readonly id: number;
  /** The newest window that knew it in use. */
  readonly usedInWindow: number;
  readonly name: string;
  readonly uid: number;
  readonly cgroupId: bigint;
  readonly exeInode: number;
  readonly exeDevice: number;
  readonly pid: number;
  readonly pidStartedNs: number;
  /** From the root of its file system; the kernel's own names, or the bytes of one that it could not keep. */
  readonly kernelPath: readonly (string | number)[] | undefined;
}

/** The kernel's counters (and Sonde's count of the same things) of one network namespace. */
export const reconciledCounters = [
  'activeOpens',
  'passiveOpens',
  'attemptFails',
  'estabResets',
  'retransSegs',
  'outRsts',
] as const;
export type ReconciledCounter = (typeof reconciledCounters)[number];

export type Counters = Readonly<Record<ReconciledCounter, number>>;

export const noCounts = Object.fromEntries(reconciledCounters.map((name) => [name, 0])) as Counters;

/** What happens to attempts from outside before there is a connection; only the kernel counts it. */
export const inboundCounters = [
  'listenOverflows',
  'listenDrops',
  'reqQFullDrop',
  'reqQFullDoCookies',
  'syncookiesSent',
  'embryonicRsts',
] as const;
export type InboundCounter = (typeof inboundCounters)[number];

export type InboundCounts = Readonly<Record<InboundCounter, number>>;

/** The kernel's counters of one namespace: those that are compared, and those that only it has. */
export interface KernelCounters {
  readonly compared: Counters;
  readonly inbound: InboundCounts;
  /** tcp_abort_on_overflow is on there; undefined where that could not be told. */
  readonly abortsOnOverflow?: boolean;
}

/** The kernel's counters, read between two looks at Sonde's; equal looks mean nothing moved meanwhile. */
export interface Reading {
  readonly before: Counters;
  readonly kernel: Counters;
  readonly after: Counters;
  readonly inbound: InboundCounts;
  /** tcp_abort_on_overflow is on there; undefined where that could not be told. */
  readonly abortsOnOverflow?: boolean;
}

/**
 * Sonde's count in a namespace, since attach. `cookie` is unique for as long as the kernel runs; `inode` is
 * not.
 */
export interface NetnsCounts {
  readonly id: number;
  readonly cookie: bigint;
  readonly inode: number;
  readonly counters: Counters;
  /** Connections without a record: no memory for one. */
  readonly untracked: number;
}

/** Both counts of a namespace at one moment, beside those from which it is measured. */
export interface NamespaceObservation {
  readonly counts: NetnsCounts;
  /** Both since the same moment; absent when the namespace could not be entered. */
  readonly baseline?: Reading;
  readonly now?: Reading;
  readonly unreachable?: string;
  /** It has no number, or had none for a while: all places in the table were taken. */
  readonly placeless?: boolean;
}
