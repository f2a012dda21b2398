/** The generated schemas, as a validator reads them, and records of each kind as the agent makes them. */

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';
import { windowCloser } from '../src/agent/window/closing.ts';
import { keepsAll, type FieldPolicy } from '../src/agent/window/policy/policy.ts';
import { connectionRecord } from '../src/agent/window/records.ts';
import { wallTimes } from '../src/agent/window/time.ts';
import { manualClock } from '../src/lib/clock.ts';
import type { LookupRow } from '../src/model/dns.ts';
import type { FarLabels } from '../src/model/far.ts';
import { noCounts, type Listener } from '../src/model/observation.ts';
import type { NumberedRecord, ProcessLabels, SondeRecord } from '../src/model/record.ts';
import { schemaFiles } from '../src/model/record-schema.ts';
import type { Names } from '../src/model/rendering.ts';
import { closingOptions, connection, node, row } from './observations.ts';

const ajv = new Ajv2020({ allErrors: true });

function compiled(names: Names): ValidateFunction {
  const file = new URL(`../docs/reference/schema/${schemaFiles[names]}`, import.meta.url);
  return ajv.compile(JSON.parse(readFileSync(file, 'utf8')) as object);
}

const validators: Readonly<Record<Names, ValidateFunction>> = {
  canonical: compiled('canonical'),
  otel: compiled('otel'),
  ecs: compiled('ecs'),
};

/** What the schema of these names has against a line; empty where it is sound. */
export function faultsOf(line: unknown, names: Names): string[] {
  const validate = validators[names];
  if (validate(line)) return [];
  const { 'event.name': name, 'event.dataset': dataset } = line as Record<string, unknown>;
  const own = `#/$defs/${String(name ?? dataset)}`;
  return (validate.errors ?? [])
    .filter(({ schemaPath }) => schemaPath.startsWith(own) || schemaPath.startsWith('#/oneOf'))
    .map(({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`);
}

/** All that may be known of a process. */
const process: Required<Omit<ProcessLabels, 'cgroup.path' | 'environment'>> = {
  'process.name': 'php-fpm',
  'process.executable.path': '/usr/sbin/php-fpm8.2',
  'user.id': 33,
  'user.name': 'www-data',
  'workload.name': 'shop',
  'workload.kind': 'deployment',
  'workload.owner': 'team-shop',
  'workload.rule': 'shop',
  labels: { tier: 'gold', 'cost.center': '42' },
  'systemd.unit': 'shop.service',
  'container.id': 'c0ffee',
  'container.name': 'shop-1',
  'container.image': 'shop:2',
  'container.runtime': 'docker',
  'k8s.pod.uid': '6b0b2d3e-0b0c-4a53-a7a2-0d6b7a3c1f11',
  'k8s.pod.qos': 'burstable',
  'k8s.namespace': 'shop',
  'k8s.pod': 'shop-5d4f-x2x9z',
  'k8s.service_account': 'shop',
  'enrichment.missing': ['container_runtime'],
};

/** All that may be known of the other end. */
const far: Required<FarLabels> = {
  'destination.name': 'api.example.com',
  'destination.name.source': 'dns',
  'destination.scope': 'public',
  'destination.zone': 'partner',
  'boundary.crossed': true,
  'destination.as.number': 64_500,
  'destination.as.org': 'Example',
  'destination.geo.country': 'NL',
  'destination.service': 'https',
  'destination.translated.ip': '10.0.0.7',
  'destination.translated.port': 8443,
  'destination.redirected_by': 'envoy',
};

const depth = {
  retransmits: 3,
  handshakeRetransmits: 1,
  busyMs: 40,
  peerWindowMs: 20,
  sendBufferMs: 10,
  rttSumUs: 900,
  rttCount: 2,
  unreadBytes: 100,
  unreadConnections: 1,
  waitingConnections: 1,
};

const flows = [
  row({
    latency: [{ bucket: 40, count: 2 }],
    extremes: { rttMinUs: 300, waitingMsMax: 70 },
    sums: {
      ...depth,
      opened: 3,
      established: 2,
      ended: 2,
      open: 1,
      bytesSent: 100,
      bytesReceived: 2000,
      segmentsSent: 10,
      segmentsReceived: 12,
      resetsSent: 1,
      latencySumUs: 1500,
    },
  }),
  row(
    {
      direction: 'ingress',
      state: 'timed_out',
      established: false,
      attribution: 'inherited',
      family: 'ipv6',
      source: '2001:db8::/48',
      sourceForm: 'prefix',
      destination: '2001:db8::1',
      destinationPort: 443,
      sums: {
        ended: 1,
        timeoutsByApplication: 1,
        bytesSent: 7,
        segmentsSent: 2,
        retransmits: 1,
        handshakeRetransmits: 1,
      },
    },
    process,
  ),
  row({
    direction: 'ingress',
    state: 'refused',
    attribution: 'kernel',
    sums: { refusals: 4, resetsSent: 4 },
  }),
  row({ transport: 'udp', destination: null, destinationForm: 'folded', sums: { ended: 1 } }),
];

const lookup: LookupRow = {
  netns: 1,
  owner: 1,
  attribution: 'exact',
  direction: 'egress',
  transport: 'udp',
  family: 'ipv4',
  server: '10.0.0.53',
  serverForm: 'exact',
  serverPort: 53,
  name: 'db.example.com',
  type: 'A',
  rcode: 'NOERROR',
  lookups: 2,
  attempts: 3,
  truncated: 0,
  latencySumUs: 900,
  latency: [{ bucket: 30, count: 2 }],
  answers: ['198.51.100.7'],
  ttlMinSeconds: 30,
};
const unanswered: LookupRow = {
  ...lookup,
  rcode: 'unanswered',
  latencySumUs: 0,
  latency: [],
  answers: [],
  ttlMinSeconds: undefined,
};

const listener: Listener = {
  cookie: '9',
  netns: 1,
  owner: 3,
  pid: 42,
  pidStartedNs: 5_000_000_000,
  attribution: 'scanned',
  address: '::',
  family: 'ipv6',
  port: 443,
  backlog: 2,
  backlogMax: 511,
  waitingMs: 1200,
  counts: { drops: 1, synackRetransmits: 2, resetsSent: 3 },
  first: 1,
  gone: false,
};

const events = [
  connection({ retransmits: 1, rttUs: 250, rttMinUs: 200, busyMs: 4, unreadBytes: 9, waitingMs: 3 }),
  connection({ moment: 'established', state: 'open' }),
  connection({ state: 'refused', established: false, latencyUs: null, error: 111, closeReason: 'unknown' }),
  connection({ state: 'reset', resetSide: 'remote', closeReason: 'reset_received', direction: 'ingress' }),
  connection({ state: 'timed_out', established: false, timeoutBy: 'kernel', error: 110, adopted: true }),
];

/** Of every kind, with nearly all that a record may have. */
export function realRecords(policy: FieldPolicy = keepsAll): NumberedRecord[] {
  const times = wallTimes(manualClock());
  const told = policy.node({ ...node, 'k8s.node': 'n1', 'k8s.cluster': 'lab' });
  const netnsInode = 4_026_531_840;
  const lookups = [lookup, unanswered].map((of) => ({ of, process, netnsInode, far }));
  const { records, closing } = windowCloser(told, { ...closingOptions, policy })({
    bounds: { number: 1, start: '2026-01-01T00:00:00.000Z', end: '2026-01-01T00:00:10.000Z', last: true },
    rows: flows.map((of) => ({ ...of, far })),
    lookups,
    inventory: { listeners: [{ of: listener, process, netnsInode }], times },
    addresses: [{ netns: netnsInode, ip: '10.0.0.9', family: 'ipv4', scope: 'private' }],
    losses: { 'kernel.owners_full': 3 },
    resets: { no_socket: 4 },
    namespaces: [{ counts: { id: 1, cookie: 1n, inode: netnsInode, counters: noCounts, untracked: 0 } }],
    signals: ['lifecycle', 'dns'],
  });
  const connections = events.map((of, i) =>
    connectionRecord(
      { ...of, process, far, commandLine: i === 0 ? 'php-fpm -d x=***' : undefined },
      { node: told, policy },
      times,
    ),
  );
  const closed: SondeRecord = {
    ...closing,
    'budget.step': 'windows',
    'budget.cpu': 0.0125,
    'budget.memory': 123_456_789,
    'exporters.behind': { jsonl: 0, otlp: 12 },
  };
  const all: SondeRecord[] = [...connections, ...records, closed];
  return all.map((record, i) => ({ ...record, 'record.sequence': 1000 + i }));
}
