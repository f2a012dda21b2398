/** Each column of the tables that are written: where its cell comes from. Canonical labels with underscores. */

import { addressForms, attributions, connectionStates, directions } from '../connection.ts';
import { addressChanges } from '../own-address.ts';
import {
  amountValue,
  bool,
  checkInteger,
  countsValue,
  integer,
  integerValue,
  json,
  listValue,
  namedTexts,
  nullableAmount,
  nullableInteger,
  requiredInteger,
  requiredText,
  text,
  textsValue,
  word,
  cellLimits,
  type Cell,
} from './cells.ts';
import type { LogRecord } from './record.ts';
import { Rejection } from './rejection.ts';
import { checkTime, correctedTime, nullableTime, requiredTime, timeCell } from './times.ts';

type Columns = Readonly<Record<string, Cell>>;

const uint16Max = 2 ** 16 - 1;
const uint32Max = 2 ** 32 - 1;
/** Bucket bounds go up to 268 s; times in microseconds stay exact far beyond that. */
const bucketMsMax = 1e9;

const identity: Columns = {
  host_name: requiredText('host.name'),
  environment: text('environment'),
  agent_instance: requiredText('agent.instance'),
  agent_id: text('agent.id'),
  boot_id: requiredText('boot.id'),
  record_sequence: requiredInteger('record.sequence'),
};

const owner: Columns = {
  workload_name: text('workload.name'),
  process_name: text('process.name'),
  process_executable_path: text('process.executable.path', { max: cellLimits.pathMax }),
  user_id: nullableInteger('user.id', uint32Max),
  user_name: text('user.name'),
  workload_kind: text('workload.kind'),
  workload_owner: text('workload.owner'),
  workload_rule: text('workload.rule'),
  labels: namedTexts('labels'),
  systemd_unit: text('systemd.unit'),
  container_id: text('container.id'),
  container_name: text('container.name'),
  container_image: text('container.image'),
  container_runtime: text('container.runtime'),
  k8s_pod_uid: text('k8s.pod.uid'),
  k8s_pod_qos: text('k8s.pod.qos'),
  k8s_namespace: text('k8s.namespace'),
  k8s_pod: text('k8s.pod'),
  k8s_service_account: text('k8s.service_account'),
  k8s_node: text('k8s.node'),
  k8s_cluster: text('k8s.cluster'),
  enrichment_missing: textsValue('enrichment.missing'),
  cgroup_path: text('cgroup.path', { max: cellLimits.pathMax }),
  attribution: word('attribution', attributions),
};

const oneProcess: Columns = {
  process_pid: integer('process.pid', uint32Max),
  process_start: nullableTime('process.start'),
  process_command_line: text('process.command_line'),
};

/** What is at the other end. */
const far: Columns = {
  destination_name: text('destination.name'),
  destination_name_source: text('destination.name.source'),
  destination_scope: text('destination.scope'),
  destination_zone: text('destination.zone'),
  boundary_crossed: bool('boundary.crossed'),
  destination_service: text('destination.service'),
  destination_as_number: integer('destination.as.number', uint32Max),
  destination_as_org: text('destination.as.org'),
  destination_geo_country: text('destination.geo.country'),
  destination_translated_ip: text('destination.translated.ip'),
  destination_translated_port: integer('destination.translated.port', uint16Max),
  destination_redirected_by: text('destination.redirected_by'),
};

/** Whose end it is, and whom it was to reach. */
const end: Columns = {
  ...owner,
  direction: word('direction', directions),
  network_transport: text('network.transport'),
  network_type: text('network.type'),
  network_namespace: integer('network.namespace', uint32Max),
  destination_ip: text('destination.ip'),
  destination_ip_form: word('destination.ip.form', addressForms, { optional: true }),
  destination_port: integer('destination.port', uint16Max),
  ...far,
  connection_state: word('connection.state', connectionStates),
};

const connection: Columns = {
  ...end,
  source_ip: text('source.ip'),
  source_ip_form: word('source.ip.form', addressForms, { optional: true }),
  connection_established: bool('connection.established'),
};

const windowStart = requiredTime('window.start');
const windowEndAlone = requiredTime('window.end');

function windowEnd(record: LogRecord, moment: Parameters<Cell>[1]): number {
  const endMs = windowEndAlone(record, moment);
  if (endMs >= windowStart(record, moment)) return endMs;
  throw new Rejection('time', 'window.end is before window.start');
}

const window: Columns = {
  window_start: timeCell(windowStart),
  window_end: timeCell(windowEnd),
  window_number: requiredInteger('window.number'),
};

const sums = (...labels: readonly string[]): Columns =>
  Object.fromEntries(labels.map((label) => [label.replaceAll('.', '_'), integer(label)]));

const transferred = sums('bytes.sent', 'bytes.received', 'retransmits');
/** What a flow and a connection say beside that. */
const depth = sums(
  'segments.sent',
  'segments.received',
  'retransmits.syn',
  'retransmits.synack',
  'retransmits.data',
  'limited_ms.busy',
  'limited_ms.peer_window',
  'limited_ms.send_buffer',
  'app.unread_bytes',
  'app.waiting_ms',
);
const counted = sums(
  'connections.opened',
  'connections.adopted',
  'connections.established',
  'connections.ended',
  'connections.open',
  'connections.abandoned',
);

const buckets = listValue('latency.histogram');

/** Upper bound in microseconds to count; in the record the bounds are milliseconds. */
function readHistogram(record: LogRecord): Record<string, number> {
  const counts: Record<string, number> = {};
  let total = 0;
  for (const bucket of buckets(record)) {
    const [boundMs, count] = Array.isArray(bucket) ? (bucket as readonly unknown[]) : [];
    if (typeof boundMs !== 'number' || typeof count !== 'number') {
      throw new Rejection('type', 'latency.histogram is not a list of bounds and counts');
    }
    if (!(boundMs >= 0 && boundMs <= bucketMsMax)) {
      throw new Rejection('bounds', `latency.histogram has a bound of ${boundMs} ms`);
    }
    const boundUs = Math.round(boundMs * 1000);
    checkInteger('latency.histogram', count, Number.MAX_SAFE_INTEGER);
    counts[boundUs] = (counts[boundUs] ?? 0) + count;
    total += count;
  }
  checkInteger('latency.histogram', total, Number.MAX_SAFE_INTEGER); // or a cell could not hold it
  return counts;
}

/** Three cells of a row are made of it. */
function histogramOfLast(): (record: LogRecord) => Record<string, number> {
  let last: { readonly record: LogRecord; readonly counts: Record<string, number> } | undefined;
  return (record) => {
    if (last?.record !== record) last = { record, counts: readHistogram(record) };
    return last.counts;
  };
}

const histogram = histogramOfLast();

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

const latency = amountValue('latency_ms');
const open = integerValue('connections.open');
const rtt = amountValue('rtt_ms');
const rttCount = integerValue('rtt.count');

const latencySums: Columns = {
  // A window's latency is the mean over what its histogram counts.
  latency_sum_ms: (record) => (latency(record) ?? 0) * total(histogram(record)),
  latency_count: (record) => total(histogram(record)),
  latency_histogram: histogram,
};

export const dnsColumns: Columns = {
  ...window,
  ...identity,
  ...end,
  dns_question_name: requiredText('dns.question.name'),
  dns_question_type: requiredText('dns.question.type'),
  dns_rcode: requiredText('dns.rcode'),
  ...latencySums,
  ...sums('dns.lookups', 'dns.attempts', 'dns.truncated'),
  dns_answers: textsValue('dns.answers'),
  dns_ttl_min: nullableInteger('dns.ttl_min', uint32Max),
};

export const flowColumns: Columns = {
  ...window,
  ...identity,
  ...connection,
  ...latencySums,
  ...counted,
  connections_open_ms: (record, moment) =>
    checkInteger(
      'connections.open × window',
      (open(record) ?? 0) * (windowEnd(record, moment) - windowStart(record, moment)),
      Number.MAX_SAFE_INTEGER,
    ),
  ...transferred,
  ...sums('resets.sent', 'resets.received', 'timeouts.by_application', 'refusals'),
  ...depth,
  ...sums('rtt.count', 'app.unread_connections', 'app.waiting_connections'),
  // A window's round trip is the mean over the sockets that were looked at.
  rtt_sum_ms: (record) => (rtt(record) ?? 0) * (rttCount(record) ?? 0),
  rtt_min_ms: nullableAmount('rtt_min_ms'),
};

function eventTime({ timeMs }: LogRecord, moment: Parameters<Cell>[1]): number {
  if (timeMs === 0) throw new Rejection('missing', 'the record has no time');
  return checkTime('the time', correctedTime(Math.round(timeMs), moment), moment);
}

export const connectionColumns: Columns = {
  time: timeCell(eventTime),
  ...identity,
  ...connection,
  latency_ms: nullableAmount('latency_ms'),
  connection_id: text('connection.id'),
  connection_adopted: bool('connection.adopted'),
  source_port: integer('source.port', uint16Max),
  ...oneProcess,
  connection_duration_ms: nullableAmount('connection.duration_ms'),
  ...transferred,
  error: text('error'),
  reset_side: text('reset.side'),
  close_reason: text('close.reason'),
  timeout_by: text('timeout.by'),
  ...depth,
  rtt_ms: nullableAmount('rtt_ms'),
  rtt_min_ms: nullableAmount('rtt_min_ms'),
  process_parent_pid: integer('process.parent.pid', uint32Max),
  process_parent_name: text('process.parent.name'),
};

export const listenerColumns: Columns = {
  time: timeCell(eventTime),
  ...identity,
  window_number: integer('window.number'),
  listener_id: requiredText('listener.id'),
  listener_changes: textsValue('listener.changes'),
  ...owner,
  ...oneProcess,
  network_transport: text('network.transport'),
  network_type: text('network.type'),
  network_namespace: integer('network.namespace', uint32Max),
  destination_ip: text('destination.ip'),
  destination_port: integer('destination.port', uint16Max),
  listener_backlog: integer('listener.backlog', uint32Max),
  listener_backlog_max: integer('listener.backlog_max', uint32Max),
  listener_waiting_ms: nullableInteger('listener.waiting_ms'),
  ...sums('listener.drops', 'listener.synack_retransmits', 'listener.resets_sent'),
};

export const addressColumns: Columns = {
  time: timeCell(eventTime),
  ...window,
  ...identity,
  address_change: word('address.change', addressChanges),
  destination_ip: requiredText('destination.ip'),
  destination_ip_form: word('destination.ip.form', addressForms, { optional: true }),
  destination_scope: text('destination.scope'),
  network_type: text('network.type'),
  network_namespace: integer('network.namespace', uint32Max),
};

const attribution = countsValue('attribution');

export const windowColumns: Columns = {
  ...window,
  ...identity,
  agent_version: text('agent.version'),
  window_ms: (record, moment) => windowEnd(record, moment) - windowStart(record, moment),
  window_last: bool('window.last'),
  window_records: integer('window.records'),
  ...counted,
  ...sums('connections.orphaned', 'connections.untracked'),
  ...transferred,
  connections_ended_states: countsValue('connections.ended.states'),
  attribution,
  unlabelled: countsValue('unlabelled'),
  lost: countsValue('lost'),
  attributed: (record) => {
    const { unknown: _, ...known } = attribution(record);
    return total(known);
  },
  attributable: (record) => total(attribution(record)),
  coverage_seen: integer('coverage.seen'),
  coverage_kernel: integer('coverage.kernel'),
  coverage_unreachable: integer('coverage.unreachable', uint32Max),
  coverage_namespaces: json('coverage.namespaces'),
  received_at: timeCell((_record, { nowMs }) => nowMs),
  signals: textsValue('signals'),
  udp: countsValue('udp'),
  resets_reasons: countsValue('resets.reasons'),
  policy_version: text('policy.version'),
  unenriched: countsValue('unenriched'),
  nonstandard: countsValue('nonstandard'),
  budget_step: text('budget.step'),
  budget_cpu: nullableAmount('budget.cpu'),
  budget_memory: nullableInteger('budget.memory'),
  exporters_behind: countsValue('exporters.behind'),
  clock_offset_ms: (_record, { clock }) => clock?.offsetMs ?? 0,
  clock_correction_ms: (_record, { clock }) => clock?.correctionMs ?? 0,
};
