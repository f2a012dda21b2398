/** What a scenario is, and what it says happened: the point of view of every socket end. */
import type {
  CloseReason,
  ConnectionState,
  Direction,
  ResetSide,
  TimeoutBy,
} from '../src/model/connection.ts';
import type { Address } from './actor.ts';
import type { Counters, Namespace } from './namespaces.ts';
import type { Pair, Stage } from './stage.ts';

/**
 * One socket end that has ended (or is `open` and stays so until the stage is disposed). What is absent is
 * not promised: `closeReason` is absent where the state word already says it all (refused, unreachable,
 * canceled by close, failed).
 */
export type ExpectedEnd = {
  /** The comm of the process that owns it. */
  readonly process: string;
  readonly direction: Direction;
  readonly state: ConnectionState;
  readonly established: boolean;
  readonly destinationIp: string;
  readonly destinationPort: number;
  /** Inode of its network namespace. */
  readonly netns: number;
  readonly resetSide?: ResetSide;
  /** `process_exit` stands instead of fin_local and aborted when the process ended without closing. */
  readonly closeReason?: CloseReason;
  readonly timeoutBy?: TimeoutBy;
  /** The errno name in sk_err when it ended: what the application would be told. */
  readonly error?: string;
  /** Payload, as KERNEL.md §1.10: sent at least once; arrived in order, read or not. */
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
  /** It had sent its FIN before it was reset or timed out: the kernel's EstabResets does not count it. */
  readonly finSent?: true;
  /**
   * An ICMP error was only noted (sk_err_soft, with sk_err 0) and the application, told of it, closed in
   * SYN_SENT: the kernel's AttemptFails does not count it.
   */
  readonly softError?: true;
};

export type Truth = {
  readonly ends: readonly ExpectedEnd[];
  /**
   * What the counters of a namespace (by inode) show at least, if the traffic took the way it was meant to
   * take.
   */
  readonly evidence?: readonly { readonly netns: number; readonly atLeast: Partial<Counters> }[];
  /** What happened without any socket state, in words. */
  readonly neverSeen?: string;
};

export type Need = 'ipv6' | 'mptcp' | 'nft' | 'veth' | 'ss';

export type Scenario = {
  /** family.case */
  readonly id: string;
  readonly title: string;
  readonly needs?: readonly Need[];
  /** Resolves when everything has happened; the namespaces live until the stage is disposed. */
  run(stage: Stage): Promise<Truth>;
};

/** What is left to say of an end once it is clear whose and where to. */
export type Outcome = Omit<
  ExpectedEnd,
  'process' | 'direction' | 'destinationIp' | 'destinationPort' | 'netns' | 'established'
> & { readonly established?: boolean };

/** Wraps the play: it has ended when the kernel holds no more connections than the truth calls open. */
export function scenario(
  about: { id: string; title: string; needs?: readonly Need[] },
  play: (stage: Stage) => Promise<Truth>,
): Scenario {
  return {
    ...about,
    async run(stage) {
      const truth = await play(stage);
      for (const namespace of stage.namespaces) {
        const open = truth.ends.filter((end) => end.netns === namespace.inode && end.state === 'open');
        await namespace.settled(open.length);
      }
      return truth;
    },
  };
}

/** Both ends of a pair. */
export function pairEnds(pair: Pair, client: Outcome, server: Outcome): ExpectedEnd[] {
  const destination = { destinationIp: pair.to.ip, destinationPort: pair.to.port };
  return [
    {
      process: pair.client.name,
      direction: 'egress',
      established: true,
      ...destination,
      netns: pair.clientAt.inode,
      ...client,
    },
    {
      process: pair.server.name,
      direction: 'ingress',
      established: true,
      ...destination,
      netns: pair.serverAt.inode,
      ...server,
    },
  ];
}

/** An attempt that came to nothing. */
export function attemptEnd(
  attempt: { process: string; at: Namespace; to: Address },
  outcome: Outcome,
): ExpectedEnd {
  return {
    process: attempt.process,
    direction: 'egress',
    established: false,
    destinationIp: attempt.to.ip,
    destinationPort: attempt.to.port,
    netns: attempt.at.inode,
    bytesSent: 0,
    bytesReceived: 0,
    ...outcome,
  };
}

type Bytes = readonly [sent: number, received: number];

/** Ended by FINs. */
export function closed(
  closeReason: 'fin_local' | 'fin_remote' | 'fin_both' | 'process_exit',
  [bytesSent, bytesReceived]: Bytes,
): Outcome {
  return { state: 'closed', closeReason, bytesSent, bytesReceived };
}

/** Ended by a RST of this end. The kernel sets no error for its owner: mostly the owner did it. */
export function resetLocally(
  [bytesSent, bytesReceived]: Bytes,
  closeReason: 'aborted' | 'reset_sent' | 'process_exit' = 'aborted',
): Outcome {
  return { state: 'reset', resetSide: 'local', closeReason, bytesSent, bytesReceived };
}

/** Ended by a RST of the other end; EPIPE when that end's FIN had come before. */
export function resetRemotely(
  [bytesSent, bytesReceived]: Bytes,
  error: 'ECONNRESET' | 'EPIPE' = 'ECONNRESET',
): Outcome {
  return {
    state: 'reset',
    resetSide: 'remote',
    closeReason: 'reset_received',
    error,
    bytesSent,
    bytesReceived,
  };
}
