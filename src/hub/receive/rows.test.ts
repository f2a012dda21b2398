import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  connection,
  dnsLookups,
  encodeLogs,
  endMs,
  flow,
  listener,
  ownAddress,
  plainWire,
  startMs,
  windowEnd,
  type FlatRecord,
} from '../../../test/otlp.ts';
import { tables } from '../store/store.ts';
import { decodeProtobuf } from './protobuf.ts';
import { Rejection, type RejectionReason } from '../../model/row/rejection.ts';
import { rowMaker } from '../../model/row/rows.ts';

const makeRow = rowMaker(tables);
const nowMs = endMs + 1000;

function rowOf(record: FlatRecord, names: 'canonical' | 'otel' = 'canonical'): Record<string, unknown> {
  const [log] = decodeProtobuf(encodeLogs([record], { ...plainWire, names }));
  assert.ok(log);
  const { table, row } = makeRow(log, { nowMs });
  assert.equal(row.length, tables[table].length);
  return Object.fromEntries(tables[table].map((column, index) => [column, row[index]]));
}

const head = {
  host_name: 'n1',
  environment: 'lab',
  agent_instance: 'main',
  agent_id: 'a-1',
  boot_id: 'b-1',
  record_sequence: 1,
};
const labels = {
  workload_name: 'checkout',
  process_name: 'curl',
  process_executable_path: '/usr/bin/curl',
  user_id: 1000,
  user_name: 'shop',
  workload_kind: 'pod',
  workload_owner: 'team-shop',
  workload_rule: 'shop',
  labels: { tier: 'gold' },
  systemd_unit: 'checkout.service',
  container_id: 'c-1',
  container_name: 'shop-1',
  container_image: 'shop:2',
  container_runtime: 'containerd',
  k8s_pod_uid: 'p-1',
  k8s_pod_qos: 'burstable',
  k8s_namespace: 'shop',
  k8s_pod: 'checkout-0',
  k8s_service_account: 'checkout',
  k8s_node: 'n1',
  k8s_cluster: 'blue',
  enrichment_missing: ['container_runtime'],
  cgroup_path: '/shop/checkout',
  attribution: 'exact',
  direction: 'egress',
  network_transport: 'tcp',
  network_type: 'ipv4',
  network_namespace: 4_026_531_840,
  source_ip: '',
  source_ip_form: '',
  destination_ip: '10.0.0.2',
  destination_ip_form: 'exact',
  destination_port: 443,
  destination_name: 'db.example.com',
  destination_name_source: 'dns',
  destination_scope: 'public',
  destination_zone: 'partner',
  boundary_crossed: true,
  destination_service: 'https',
  destination_as_number: 64_500,
  destination_as_org: 'Lab',
  destination_geo_country: 'NZ',
  destination_translated_ip: '10.0.0.3',
  destination_translated_port: 8443,
  destination_redirected_by: 'envoy',
  connection_state: 'closed',
  connection_established: true,
};
const noWorkload = {
  user_name: '',
  workload_kind: '',
  workload_owner: '',
  workload_rule: '',
  labels: {},
  systemd_unit: '',
  container_id: '',
  container_name: '',
  container_image: '',
  container_runtime: '',
  k8s_pod_uid: '',
  k8s_pod_qos: '',
  k8s_namespace: '',
  k8s_pod: '',
  k8s_service_account: '',
  k8s_node: 'n1',
  k8s_cluster: 'blue',
  enrichment_missing: [],
  cgroup_path: '',
};
const window = {
  window_start: '2026-11-25T09:00:00.000Z',
  window_end: '2026-11-25T09:00:10.000Z',
  window_number: 7,
};

const {
  source_ip: _ip,
  source_ip_form: _form,
  connection_established: _established,
  ...lookupLabels
} = labels;

const expected = {
  dns: {
    ...window,
    ...head,
    ...lookupLabels,
    destination_port: 53,
    network_transport: 'udp',
    dns_question_name: 'example.com',
    dns_question_type: 'A',
    dns_rcode: 'NOERROR',
    latency_sum_ms: 6,
    latency_count: 4,
    latency_histogram: { 1024: 1, 2048: 3 },
    dns_lookups: 4,
    dns_attempts: 5,
    dns_truncated: 1,
    dns_answers: ['192.0.2.1', '192.0.2.2'],
    dns_ttl_min: 60,
  },
  flow: {
    ...window,
    ...head,
    ...labels,
    latency_sum_ms: 6,
    latency_count: 4,
    latency_histogram: { 1024: 1, 2048: 3 },
    connections_opened: 4,
    connections_adopted: 0,
    connections_established: 4,
    connections_ended: 4,
    connections_open: 2,
    connections_abandoned: 0,
    connections_open_ms: 20_000,
    bytes_sent: Number.MAX_SAFE_INTEGER,
    bytes_received: 2000,
    retransmits: 1,
    resets_sent: 0,
    resets_received: 0,
    timeouts_by_application: 0,
    refusals: 3,
    segments_sent: 7,
    segments_received: 6,
    retransmits_syn: 1,
    retransmits_synack: 0,
    retransmits_data: 0,
    rtt_sum_ms: 1.5,
    rtt_count: 3,
    rtt_min_ms: 0.25,
    limited_ms_busy: 40,
    limited_ms_peer_window: 30,
    limited_ms_send_buffer: 4,
    app_unread_bytes: 900,
    app_unread_connections: 2,
    app_waiting_connections: 1,
    app_waiting_ms: 1200,
  },
  connection: {
    time: '2026-11-25T09:00:05.123Z',
    ...head,
    ...labels,
    source_ip: '10.0.0.1',
    destination_ip_form: '',
    connection_state: 'refused',
    connection_established: false,
    latency_ms: 0.25,
    connection_id: 'b-1-9-1',
    connection_adopted: false,
    source_port: 40_000,
    process_pid: 42,
    process_start: '2026-11-20T08:00:00.000Z',
    connection_duration_ms: 0.25,
    bytes_sent: 0,
    bytes_received: 0,
    retransmits: 0,
    error: 'ECONNREFUSED',
    reset_side: '',
    close_reason: 'reset_received',
    timeout_by: '',
    segments_sent: 4,
    segments_received: 3,
    retransmits_syn: 0,
    retransmits_synack: 0,
    retransmits_data: 0,
    rtt_ms: 0.125,
    rtt_min_ms: null,
    limited_ms_busy: 0,
    limited_ms_peer_window: 0,
    limited_ms_send_buffer: 0,
    app_unread_bytes: 0,
    app_waiting_ms: 0,
    process_command_line: 'curl -u ***',
    process_parent_pid: 41,
    process_parent_name: 'bash',
  },
  listener: {
    time: '2026-11-25T09:00:10.000Z',
    ...head,
    window_number: 7,
    listener_id: 'b-1-9',
    listener_changes: ['limit', 'counts'],
    workload_name: '',
    process_name: 'nginx',
    process_executable_path: '/usr/sbin/nginx',
    user_id: 0,
    ...noWorkload,
    attribution: 'scanned',
    process_pid: 42,
    process_start: '2026-11-20T08:00:00.000Z',
    process_command_line: '',
    network_transport: 'tcp',
    network_type: 'ipv6',
    network_namespace: 4_026_531_840,
    destination_ip: '::',
    destination_port: 443,
    listener_backlog: 3,
    listener_backlog_max: 511,
    listener_waiting_ms: 1250,
    listener_drops: 7,
    listener_synack_retransmits: 2,
    listener_resets_sent: 1,
  },
  address: {
    time: '2026-11-25T09:00:10.000Z',
    ...window,
    ...head,
    address_change: 'appeared',
    destination_ip: '10.0.0.9',
    destination_ip_form: '',
    destination_scope: 'private',
    network_type: 'ipv4',
    network_namespace: 4_026_531_840,
  },
  window: {
    ...window,
    ...head,
    agent_version: '0.1.0',
    window_ms: 10_000,
    window_last: true,
    window_records: 2,
    connections_opened: 4,
    connections_adopted: 0,
    connections_established: 4,
    connections_ended: 4,
    connections_open: 2,
    connections_abandoned: 0,
    connections_orphaned: 0,
    connections_untracked: 0,
    bytes_sent: 1000,
    bytes_received: 2000,
    retransmits: 1,
    connections_ended_states: { closed: 3, refused: 1 },
    attribution: { exact: 5, unknown: 1 },
    unlabelled: { 'process.name': 1 },
    signals: ['lifecycle', 'retransmits'],
    udp: { opened: 2, 'datagrams.sent': 9 },
    resets_reasons: { no_socket: 3, tcp_abort_on_close: 1 },
    policy_version: 'full@1a2b3c4d',
    nonstandard: { 'not_allowed.environment': 2 },
    budget_step: 'windows',
    budget_cpu: 0.012,
    budget_memory: 130_000_000,
    exporters_behind: { otlp: 12 },
    clock_offset_ms: 0,
    clock_correction_ms: 0,
    unenriched: { kubernetes: 2 },
    lost: { 'kernel.flow_rows_full': 2 },
    attributed: 5,
    attributable: 6,
    coverage_seen: 4,
    coverage_kernel: 5,
    coverage_unreachable: 1,
    coverage_namespaces:
      '[{"network.namespace":4026531840,"seen":{"activeOpens":4},"kernel":{"activeOpens":5}}]',
    received_at: '2026-11-25T09:00:11.000Z',
  },
};

describe('a record becomes a row, every column of it', () => {
  for (const names of ['canonical', 'otel'] as const) {
    test(`with ${names} names`, () => {
      assert.deepEqual(rowOf(flow(1), names), expected.flow);
      assert.deepEqual(rowOf(connection(1), names), expected.connection);
      assert.deepEqual(rowOf(listener(1), names), expected.listener);
      assert.deepEqual(rowOf(ownAddress(1), names), expected.address);
      assert.deepEqual(rowOf(dnsLookups(1), names), expected.dns);
      assert.deepEqual(rowOf(windowEnd(1), names), expected.window);
    });
  }
});

test('what is not said is zero, null or empty', () => {
  const bare = flow(1, {
    latency_ms: null,
    'latency.histogram': undefined,
    'workload.name': undefined,
    'user.id': undefined,
    'connections.open': undefined,
  });
  const row = rowOf(bare);
  assert.deepEqual(
    [row['latency_sum_ms'], row['latency_count'], row['latency_histogram'], row['connections_open_ms']],
    [0, 0, {}, 0],
  );
  assert.deepEqual([row['workload_name'], row['user_id']], ['', null]);
});

test('text is well-formed Unicode, whatever came', () => {
  assert.equal(rowOf(flow(1, { 'process.name': '<b>\u0000é' }))['process_name'], '<b>\u0000é');
});

describe('a bad record is rejected by name', () => {
  const cases: readonly (readonly [RejectionReason, FlatRecord, RegExp])[] = [
    ['unknown_event', flow(1, { 'event.name': 'sonde.none' }), /"sonde\.none"/],
    ['unknown_event', flow(1, { 'event.name': 'constructor' }), /"constructor"/],
    ['type', flow(1, { labels: { tier: 1 } }), /labels\.tier is 1, not text/],
    ['missing', flow(1, { 'boot.id': undefined }), /boot\.id/],
    ['missing', flow(1, { 'agent.instance': '' }), /agent\.instance/],
    ['missing', flow(1, { 'record.sequence': undefined }), /record\.sequence/],
    ['missing', flow(1, { 'host.name': undefined }), /host\.name/],
    ['missing', flow(1, { 'window.start': undefined }), /window\.start/],
    ['missing', flow(1, { 'connection.state': undefined }), /connection\.state/],
    ['bounds', flow(1, { 'connection.state': 'shut' }), /"shut", none of open, closed/],
    ['bounds', flow(1, { 'destination.port': 65_536 }), /destination\.port is 65536/],
    ['bounds', flow(1, { 'destination.port': -1 }), /destination\.port is -1/],
    ['bounds', flow(1, { 'bytes.sent': 1.5 }), /bytes\.sent is 1\.5/],
    ['bounds', flow(1, { 'bytes.sent': 2 ** 53 }), /bytes\.sent/],
    ['bounds', flow(1, { 'process.name': 'x'.repeat(1025) }), /longer than 1024/],
    ['bounds', flow(1, { 'latency.histogram': [[-1, 1]] }), /bound of -1/],
    ['bounds', flow(1, { 'latency.histogram': [[1, -1]] }), /latency\.histogram is -1/],
    [
      'bounds',
      flow(1, { 'latency.histogram': Array(3).fill([1, Number.MAX_SAFE_INTEGER]) }),
      /latency\.histogram/,
    ],
    ['bounds', connection(1, { latency_ms: Infinity }), /latency_ms is Infinity/],
    ['bounds', connection(1, { latency_ms: NaN }), /latency_ms is NaN/],
    ['bounds', windowEnd(1, { lost: { x: -1 } }), /lost\.x is -1/],
    ['type', flow(1, { 'destination.port': '443' }), /destination\.port is "443"/],
    ['type', flow(1, { 'process.name': 1 }), /process\.name is 1, not text/],
    ['type', flow(1, { 'connection.established': 1 }), /connection\.established is 1/],
    ['type', flow(1, { 'latency.histogram': [1] }), /latency\.histogram/],
    ['type', windowEnd(1, { lost: [1] }), /lost is a list or map, not a map/],
    ['missing', dnsLookups(1, { 'dns.question.name': undefined }), /dns\.question\.name/],
    ['type', dnsLookups(1, { 'dns.answers': [1] }), /dns\.answers has 1, not text/],
    ['time', flow(1, { 'window.start': 'yesterday' }), /RFC 3339/],
    ['time', flow(1, { 'window.end': new Date(startMs - 1).toISOString() }), /before window\.start/],
    ['time', flow(1, { 'window.start': '2026-10-01T00:00:00.000Z' }), /too old/],
    ['time', flow(1, { 'window.end': '2026-11-25T12:00:00.000Z' }), /in the future/],
    ['time', connection(1, { time: '2030-01-01T00:00:00.000Z' }), /in the future/],
    ['missing', connection(1, { time: '1970-01-01T00:00:00.000Z' }), /no time/],
    ['time', connection(1, { 'process.start': '9999-12-31T23:59:59-23:59' }), /years 1900 to 2299/],
    ['time', connection(1, { 'process.start': '1899-12-31T23:59:59Z' }), /process\.start is outside/],
  ];
  for (const [reason, record, message] of cases) {
    test(`${reason}: ${message.source}`, () => {
      assert.throws(
        () => rowOf(record),
        (error) => error instanceof Rejection && error.reason === reason && message.test(error.message),
      );
    });
  }
});
