/**
 * Observations and labels for tests of the window stage: sound ones, in which a test changes what it is
 * about.
 */

import type { Far } from '../src/agent/enrich/far/far.ts';
import { mergeRows } from '../src/agent/window/merge.ts';
import { keepsAll, type FieldPolicy } from '../src/agent/window/policy/policy.ts';
import { flowRecord, type Labelled, type WindowBounds } from '../src/agent/window/records.ts';
import { plainJudge } from '../src/agent/window/standard/judge.ts';
import type { LookupRow } from '../src/model/dns.ts';
import { bucketOfUs } from '../src/model/latency.ts';
import type { ConnectionEvent, FlowRow, InboundCounts, Sums } from '../src/model/observation.ts';
import type { FlowRecord, NodeLabels, ProcessLabels } from '../src/model/record.ts';

export const node: NodeLabels = {
  'host.name': 'n1',
  environment: 'lab',
  'agent.instance': 'main',
  'agent.version': '0.0.1',
  'agent.id': 'a-1',
  'boot.id': 'b-1',
  'policy.version': 'full@0',
};

/** Who tells, and a policy that takes nothing away. */
export const telling = { node, policy: keepsAll } as const;
export const judge = plainJudge(node);
export const closingOptions = { inFlight: 1, incomparable: {}, policy: keepsAll, judge } as const;

/** Knows nothing of any other end. */
export const nothingFar: Far = {
  heard: () => undefined,
  look: () => Promise.resolve(),
  labels: () => ({}),
  losses: () => ({}),
  status: () => ({ names: 0, zone: null, databases: {} }),
};

export const noSums: Sums = {
  opened: 0,
  adopted: 0,
  established: 0,
  ended: 0,
  open: 0,
  bytesSent: 0,
  bytesReceived: 0,
  segmentsSent: 0,
  segmentsReceived: 0,
  retransmits: 0,
  handshakeRetransmits: 0,
  busyMs: 0,
  peerWindowMs: 0,
  sendBufferMs: 0,
  rttSumUs: 0,
  rttCount: 0,
  unreadBytes: 0,
  unreadConnections: 0,
  waitingConnections: 0,
  resetsSent: 0,
  resetsReceived: 0,
  timeoutsByApplication: 0,
  refusals: 0,
  latencySumUs: 0,
};

export const curl: ProcessLabels = {
  'process.name': 'curl',
  'process.executable.path': '/usr/bin/curl',
  'user.id': 1000,
};

export const noInbound: InboundCounts = {
  listenOverflows: 0,
  listenDrops: 0,
  reqQFullDrop: 0,
  reqQFullDoCookies: 0,
  syncookiesSent: 0,
  embryonicRsts: 0,
};

type RowChange = Partial<Omit<FlowRow, 'sums'>> & { readonly sums?: Partial<Sums> };

/** curl to 10.0.0.2:80, closed; nothing counted unless said. */
export function row({ sums, ...change }: RowChange = {}, process: ProcessLabels = curl): Labelled<FlowRow> {
  const of: FlowRow = {
    netns: 1,
    owner: 1,
    direction: 'egress',
    transport: 'tcp',
    state: 'closed',
    established: true,
    attribution: 'exact',
    family: 'ipv4',
    source: null,
    sourceForm: 'folded',
    destination: '10.0.0.2',
    destinationForm: 'exact',
    destinationPort: 80,
    latency: [],
    extremes: { rttMinUs: null, waitingMsMax: 0 },
    ...change,
    sums: { ...noSums, ...sums },
  };
  return { of, process, netnsInode: 4_026_531_840 };
}

/** curl's lookups of a name that is not there, 1.5 ms each. */
export function lookup(change: Partial<LookupRow> = {}): Labelled<LookupRow> {
  const { lookups = 1 } = change;
  const of: LookupRow = {
    netns: 1,
    owner: 1,
    attribution: 'exact',
    direction: 'egress',
    transport: 'udp',
    family: 'ipv4',
    server: '10.0.0.53',
    serverForm: 'exact',
    serverPort: 53,
    name: 'nobody.example',
    type: 'A',
    rcode: 'NXDOMAIN',
    lookups,
    attempts: lookups,
    truncated: 0,
    latencySumUs: 1500 * lookups,
    latency: [{ bucket: bucketOfUs(1500), count: lookups }],
    answers: [],
    ttlMinSeconds: undefined,
    ...change,
  };
  return { of, process: curl, netnsInode: 4_026_531_840 };
}

const noBounds = { number: 1, start: '', end: '', last: false };

/** Rows as they are told under a policy. */
export function under(policy: FieldPolicy, rows: readonly Labelled<FlowRow>[]): FlowRecord[] {
  return mergeRows(rows, { policy, judge }).map((merged) => flowRecord(merged, node, noBounds));
}

/** A row that no other is equal to. */
export function toldFlow(of: Labelled<FlowRow>, bounds: WindowBounds): FlowRecord {
  const [merged] = mergeRows([of], { policy: keepsAll, judge });
  if (!merged) throw new Error('a row went missing');
  return flowRecord(merged, node, bounds);
}

/** curl's connection to 10.0.0.2:80, closed after 250 ms. */
export function connection(change: Partial<ConnectionEvent> = {}): Labelled<ConnectionEvent> {
  const of: ConnectionEvent = {
    moment: 'ended',
    atNs: 5_250_000_000,
    startedNs: 5_000_000_000,
    cookie: 9,
    sequence: 1,
    netns: 1,
    owner: 1,
    pid: 42,
    pidStartedNs: 4_000_000_000,
    parentPid: 41,
    parentName: 'bash',
    direction: 'egress',
    state: 'closed',
    established: true,
    adopted: false,
    attribution: 'exact',
    source: '10.0.0.1',
    sourcePort: 40_000,
    destination: '10.0.0.2',
    destinationPort: 80,
    family: 'ipv4',
    latencyUs: 1234,
    bytesSent: 10,
    bytesReceived: 20,
    segmentsSent: 5,
    segmentsReceived: 4,
    retransmits: 0,
    handshakeRetransmits: 0,
    busyMs: 0,
    peerWindowMs: 0,
    sendBufferMs: 0,
    rttUs: null,
    rttMinUs: null,
    unreadBytes: 0,
    waitingMs: 0,
    error: 0,
    resetSide: undefined,
    closeReason: 'fin_local',
    timeoutBy: undefined,
    detail: true,
    ...change,
  };
  return { of, process: curl, netnsInode: 4_026_531_840 };
}
