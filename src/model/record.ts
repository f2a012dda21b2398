/**
 * The records that leave a node: flat objects with dotted keys, times in RFC 3339 with milliseconds, UTC.
 * Canonical names and their meaning: docs/reference/labels.md.
 */

import type {
  AddressForm,
  Attribution,
  CloseReason,
  ConnectionState,
  Direction,
  NetworkType,
  ResetSide,
  TimeoutBy,
  Transport,
  ValueForm,
} from './connection.ts';
import type { Step } from './budget.ts';
import type { FarLabels } from './far.ts';
import type { NamespaceCoverage } from './coverage.ts';
import type { DnsTransport } from './dns.ts';
import type { AddressLabels } from './own-address.ts';
import type { SignalName } from './signals.ts';

/** What cannot be known says so; it is counted against the labelling standard. */
export const unknownLabel = 'unknown';

/** `workload.name` of Sonde's own processes: counted like any other, and hidden unless asked for. */
export const ownWorkload = 'sonde';

/** What the agent knows of its node and itself. */
export interface NodeIdentity {
  readonly 'host.name': string;
  readonly environment: string;
  readonly 'agent.instance': string;
  readonly 'agent.version': string;
  /** One generation of counting: sums balance within it, over all agents that served it in turn. */
  readonly 'agent.id': string;
  readonly 'boot.id': string;
  /** Where Kubernetes is configured; the cluster, where it is named. */
  readonly 'k8s.node'?: string;
  readonly 'k8s.cluster'?: string;
}

/**
 * On every record of this agent. `policy.version` names the field policy, which may have taken away what is
 * optional here; a form is there where it changed the value.
 */
export type NodeLabels = NodeIdentity & {
  readonly 'policy.version': string;
  readonly 'host.name.form'?: ValueForm;
};

/**
 * What runs the process. Left out where its control group could not be told. Of a pod, where Kubernetes is
 * asked, who made it; `custom_resource` is any other controller.
 */
export const workloadKinds = [
  'pod',
  'container',
  'systemd_unit',
  'user_session',
  'host_process',
  'deployment',
  'replicaset',
  'statefulset',
  'daemonset',
  'job',
  'cronjob',
  'replicationcontroller',
  'custom_resource',
] as const;
export type WorkloadKind = (typeof workloadKinds)[number];

export const podQosClasses = ['guaranteed', 'burstable', 'besteffort'] as const;
export type PodQos = (typeof podQosClasses)[number];

export const containerRuntimes = ['docker', 'containerd', 'cri-o', 'podman', 'lxc'] as const;
export type ContainerRuntime = (typeof containerRuntimes)[number];
/** Who is asked in the background, and may not have answered yet. */
export const enrichmentSources = ['kubernetes', 'container_runtime'] as const;
export type EnrichmentSource = (typeof enrichmentSources)[number];

/** Whose socket it is, and who answers for that. */
export interface ProcessLabels {
  readonly 'process.name': string;
  readonly 'process.executable.path'?: string;
  readonly 'user.id'?: number;
  /** As this host calls the user; left out in containers, which have users of their own. */
  readonly 'user.name'?: string;
  /** `sonde` on Sonde's own processes. */
  readonly 'workload.name'?: string;
  readonly 'workload.kind'?: WorkloadKind;
  readonly 'systemd.unit'?: string;
  readonly 'container.id'?: string;
  /** As its runtime knows it, once that has answered. */
  readonly 'container.name'?: string;
  readonly 'container.image'?: string;
  readonly 'container.runtime'?: ContainerRuntime;
  readonly 'k8s.pod.uid'?: string;
  readonly 'k8s.pod.qos'?: PodQos;
  /** From here on of the pod, as the API server knows it. */
  readonly 'k8s.namespace'?: string;
  readonly 'k8s.pod'?: string;
  readonly 'k8s.service_account'?: string;
  /** Who should know more of it, and has not said. */
  readonly 'enrichment.missing'?: readonly EnrichmentSource[];
  /** Where neither a unit nor a container says more. */
  readonly 'cgroup.path'?: string;
  /** From a rule, or of a pod from a label of its own. */
  readonly 'workload.owner'?: string;
  /** The first rule of the configuration that matches; `environment` then is its own. */
  readonly 'workload.rule'?: string;
  readonly environment?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The same, behind the field policy. */
export type ToldProcess = ProcessLabels & { readonly 'process.name.form'?: ValueForm };

/** The two ends as the labelling standard names them; required labels first. */
export type ConnectionLabels = NodeLabels &
  ToldProcess &
  FarLabels & {
    readonly 'destination.ip': string;
    readonly 'destination.port': number;
    readonly 'connection.state': ConnectionState;
    readonly latency_ms: number | null;
    readonly direction: Direction;
    readonly 'network.transport': Transport;
    readonly 'network.type'?: NetworkType;
    readonly 'network.namespace': number;
    readonly 'source.ip'?: string;
    readonly 'connection.established': boolean;
    readonly attribution: Attribution;
  };

/** Counts that are 0 are left out. */
export interface TcpDepth {
  /** `retransmits` by kind. */
  readonly 'retransmits.syn'?: number;
  readonly 'retransmits.synack'?: number;
  readonly 'retransmits.data'?: number;
  /** Smoothed; on a flow the mean of `rtt.count` sockets. Absent where none was measured. */
  readonly rtt_ms?: number;
  readonly rtt_min_ms?: number;
  readonly 'limited_ms.busy'?: number;
  readonly 'limited_ms.peer_window'?: number;
  readonly 'limited_ms.send_buffer'?: number;
  readonly 'app.unread_bytes'?: number;
  /** On a flow the longest. */
  readonly 'app.waiting_ms'?: number;
}

/** Sums of one flow key over one window. */
export type FlowRecord = ConnectionLabels &
  TcpDepth & {
    readonly 'event.name': 'sonde.flow';
    readonly time: string;
    readonly 'window.number': number;
    readonly 'window.start': string;
    readonly 'window.end': string;
    readonly 'source.ip.form'?: AddressForm;
    readonly 'destination.ip.form': AddressForm;
    readonly 'connections.opened': number;
    readonly 'connections.adopted': number;
    readonly 'connections.established': number;
    readonly 'connections.ended': number;
    readonly 'connections.open': number;
    /** Still open when this agent stopped counting for good. */
    readonly 'connections.abandoned'?: number;
    /** SYNs to a port where nobody listens; no connections, and a row of them has no others. */
    readonly refusals?: number;
    readonly 'bytes.sent': number;
    readonly 'bytes.received': number;
    readonly 'segments.sent': number;
    readonly 'segments.received': number;
    readonly retransmits: number;
    readonly 'rtt.count'?: number;
    readonly 'app.unread_connections'?: number;
    readonly 'app.waiting_connections'?: number;
    readonly 'resets.sent': number;
    readonly 'resets.received': number;
    readonly 'timeouts.by_application'?: number;
    readonly 'latency.p50_ms'?: number | null;
    readonly 'latency.p95_ms'?: number | null;
    readonly 'latency.p99_ms'?: number | null;
    /** Pairs of a bucket's upper bound in milliseconds and its count. */
    readonly 'latency.histogram'?: readonly (readonly [number, number])[];
  };

/** One connection end at one moment: established (state `open`) or ended. */
export type ConnectionRecord = ConnectionLabels &
  TcpDepth & {
    readonly 'event.name': 'sonde.connection';
    readonly time: string;
    readonly 'connection.id': string;
    readonly 'connection.adopted'?: true;
    readonly 'source.ip.form'?: AddressForm;
    readonly 'source.port'?: number;
    readonly 'destination.ip.form'?: AddressForm;
    readonly 'process.pid'?: number;
    readonly 'process.start'?: string;
    readonly 'process.parent.pid'?: number;
    readonly 'process.parent.name'?: string;
    /** Redacted; only where the configuration wants it. */
    readonly 'process.command_line'?: string;
    readonly 'connection.duration_ms'?: number;
    readonly 'bytes.sent': number;
    readonly 'bytes.received': number;
    readonly 'segments.sent': number;
    readonly 'segments.received': number;
    readonly retransmits: number;
    readonly error?: string;
    readonly 'reset.side'?: ResetSide;
    readonly 'close.reason'?: CloseReason;
    readonly 'timeout.by'?: TimeoutBy;
  };

/**
 * Why a listener is told. `present`: it was there before this agent, or an hour has passed; `owner`, `limit`:
 * it has another one; `counts`: something was added to its counts; `waiting`: a connection has waited for
 * accept() for a second.
 */
export const listenerChanges = [
  'appeared',
  'present',
  'owner',
  'limit',
  'counts',
  'waiting',
  'gone',
] as const;
export type ListenerChange = (typeof listenerChanges)[number];

/** A TCP listener at a window's end; its own address is the destination. Counts are since it was last told. */
export type ListenerRecord = NodeLabels &
  ToldProcess & {
    readonly 'event.name': 'sonde.listener';
    readonly time: string;
    readonly 'window.number': number;
    /** Boot id and socket cookie. */
    readonly 'listener.id': string;
    readonly 'listener.changes': readonly ListenerChange[];
    readonly 'process.pid'?: number;
    readonly 'process.start'?: string;
    /** Redacted; only where the configuration wants it. */
    readonly 'process.command_line'?: string;
    readonly attribution: Attribution;
    readonly 'destination.ip': string;
    readonly 'destination.ip.form'?: AddressForm;
    readonly 'destination.port': number;
    readonly 'network.transport': 'tcp';
    readonly 'network.type': NetworkType;
    readonly 'network.namespace': number;
    /** Connections that wait to be accepted, and how many may. */
    readonly 'listener.backlog': number;
    readonly 'listener.backlog_max': number;
    /** How long the first of them has waited; absent where it could not be told. */
    readonly 'listener.waiting_ms'?: number;
    /** Segments that it let fall: SYNs, and ACKs that would have made a connection. */
    readonly 'listener.drops': number;
    readonly 'listener.synack_retransmits': number;
    /** Resets that it answered with, to connections that were not established. */
    readonly 'listener.resets_sent': number;
  };

export type AddressRecord = NodeLabels & AddressLabels;

/**
 * DNS lookups with one question and outcome over one window, at one end: `egress` is who asked, `ingress` who
 * was asked. The destination is the resolver.
 */
export type DnsRecord = NodeLabels &
  ToldProcess &
  FarLabels & {
    readonly 'event.name': 'sonde.dns';
    readonly time: string;
    readonly 'window.number': number;
    readonly 'window.start': string;
    readonly 'window.end': string;
    readonly attribution: Attribution;
    readonly direction: Direction;
    readonly 'destination.ip': string;
    readonly 'destination.ip.form': AddressForm;
    readonly 'destination.port': number;
    readonly 'network.transport': DnsTransport;
    readonly 'network.type'?: NetworkType;
    readonly 'network.namespace': number;
    /** `timed_out`: nobody answered in time. */
    readonly 'connection.state': 'closed' | 'timed_out';
    /** From the first query to the answer, the mean; null where there was none. */
    readonly latency_ms: number | null;
    readonly 'latency.p50_ms'?: number | null;
    readonly 'latency.p95_ms'?: number | null;
    readonly 'latency.p99_ms'?: number | null;
    readonly 'latency.histogram'?: readonly (readonly [number, number])[];
    /** Lower case; printable ASCII, all else as \DDD. `*` and `*.` stand for names that had no room. */
    readonly 'dns.question.name': string;
    readonly 'dns.question.name.form'?: ValueForm;
    readonly 'dns.question.type': string;
    /** NOERROR, NXDOMAIN, …, or `unanswered`. */
    readonly 'dns.rcode': string;
    readonly 'dns.latency_ms': number | null;
    readonly 'dns.lookups': number;
    /** Queries sent: more than lookups where some were sent again. */
    readonly 'dns.attempts': number;
    /** Answers that the transport had no room for. */
    readonly 'dns.truncated': number;
    /** Addresses, at most a few. */
    readonly 'dns.answers'?: readonly string[];
    /** Seconds. */
    readonly 'dns.ttl_min'?: number;
  };

/** What a window is made of, beside its closing record. */
export type RowRecord = FlowRecord | DnsRecord | ListenerRecord | AddressRecord;

/**
 * Closes a window: what the node saw, lost and could not see. Sums are over all flow records of the window.
 */
export type WindowRecord = NodeLabels & {
  readonly 'event.name': 'sonde.window';
  readonly time: string;
  readonly 'window.number': number;
  readonly 'window.start': string;
  readonly 'window.end': string;
  readonly 'window.records': number;
  /** The agent's last window: it stopped for good. */
  readonly 'window.last'?: true;
  readonly 'connections.opened': number;
  readonly 'connections.adopted': number;
  readonly 'connections.established': number;
  readonly 'connections.ended': number;
  /** How those that ended did. */
  readonly 'connections.ended.states': Readonly<Partial<Record<ConnectionState, number>>>;
  /** Found by the sweep. */
  readonly 'connections.open': number;
  /**
   * Reported open before, not ended, and in no file table any more: closed by its process, not yet by TCP.
   */
  readonly 'connections.orphaned': number;
  /** Open when counting stopped for good; only in an agent's last window. */
  readonly 'connections.abandoned': number;
  /** No socket storage could be had: outside all other counts. */
  readonly 'connections.untracked': number;
  readonly 'bytes.sent': number;
  readonly 'bytes.received': number;
  readonly retransmits: number;
  /** SYNs to ports where nobody listens: outside all counts of connections. */
  readonly refusals: number;
  /** Resets that this host sent, by the kernel's reason; absent where it gives none (before 6.10). */
  readonly 'resets.reasons'?: Readonly<Record<string, number>>;
  /** Listeners known at its end, told or not. */
  readonly listeners: number;
  /** UDP flows of this window, `opened` to `datagrams.received`; the sums above are of TCP alone. */
  readonly udp: Readonly<Record<string, number>>;
  /** TCP connections by how their owner is known. */
  readonly attribution: Readonly<Partial<Record<Attribution, number>>>;
  /** Records that lack a label that the standard requires, by label. */
  readonly unlabelled: Readonly<Record<string, number>>;
  /** `rule.label` → records whose label the standard does not allow, or whose pattern does not match. */
  readonly nonstandard: Readonly<Record<string, number>>;
  /** Records with `enrichment.missing`, by who is missing. */
  readonly unenriched: Readonly<Partial<Record<EnrichmentSource, number>>>;
  /** Signals that were on from its beginning to its end. */
  readonly signals: readonly SignalName[];
  /** The lowest that the budget has been on in this window; absent where nothing was given up. */
  readonly 'budget.step'?: Exclude<Step, 'everything'>;
  /** What Sonde took when it was measured last: share of one processor, and bytes. */
  readonly 'budget.cpu'?: number;
  readonly 'budget.memory'?: number;
  /** Records that waited for each exporter as the window closed; this window is not among them. */
  readonly 'exporters.behind'?: Readonly<Record<string, number>>;
  /** `stage.reason` → how many, in this window. */
  readonly lost: Readonly<Record<string, number>>;
  /**
   * Connections opened in this window, as Sonde counted them and as the kernel did (ActiveOpens +
   * PassiveOpens), over all namespaces that could be compared. What one window misses the next one has.
   */
  readonly 'coverage.seen': number;
  readonly 'coverage.kernel': number;
  /** Namespaces that could not be compared. */
  readonly 'coverage.unreachable': number;
  /** TCP connections of the window whose owner is known, of how many. */
  readonly 'coverage.attributed': number;
  readonly 'coverage.attributable': number;
  readonly 'coverage.namespaces': readonly NamespaceCoverage[];
};

/** What the agent makes. */
export type SondeRecord = RowRecord | ConnectionRecord | WindowRecord;

/**
 * What leaves it: with (boot.id, agent.instance) the sequence names the record. It rises strictly, may have
 * gaps, and is never given twice.
 */
export type NumberedRecord = SondeRecord & { readonly 'record.sequence': number };
