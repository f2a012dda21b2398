-- Flow windows as a fleet sends them. Of the rows of a host three quarters are the same in each window, a
-- sixth has another destination every hour, and the rest has one of five hundred each time. One destination
-- in forty fails. In the last half hour every tenth host has one of its stable rows with a destination that
-- nobody had before, at a port of administrators.
INSERT INTO flows
(
  window_start, window_end, window_number, host_name, environment, agent_instance, boot_id, record_sequence,
  workload_name, process_name, process_executable_path, user_id, attribution, direction, network_transport,
  network_type, network_namespace, source_ip, source_ip_form, destination_ip, destination_ip_form,
  destination_port, connection_state, connection_established, latency_sum_ms, latency_count,
  latency_histogram, connections_opened, connections_established, connections_ended, connections_open,
  connections_open_ms, bytes_sent, bytes_received, retransmits, resets_received, rtt_sum_ms, rtt_count,
  destination_name, destination_name_source, destination_scope, destination_as_org
)
WITH
  number % {slots:UInt32} AS slot,
  intDiv(number, {slots:UInt32}) % {hosts:UInt32} AS host,
  {first:UInt32} + intDiv(number, {slots:UInt32} * {hosts:UInt32}) AS at,
  cityHash64(host, slot, multiIf(slot % 12 = 1, at, slot % 6 = 0, intDiv(at, 360), 0)) AS pick,
  cityHash64(number, at, 'state') % 1000 AS chance,
  slot % 3 = 0 AS is_in,
  slot = 2 AND host % 10 = 0 AND at >= {new_from:UInt32} AS is_new,
  pick % if(slot % 12 = 1, 500, 200) AS far,
  far % 3 = 0 AS is_private,
  multiIf(
    chance < 100, 'open',
    far % 40 = 7 AND chance < 200, 'refused', far % 40 = 7 AND chance < 300, 'timed_out',
    chance < 110, 'reset', chance = 110, 'timed_out', chance = 111, 'canceled',
    'closed'
  ) AS state,
  state IN ('closed', 'open', 'reset') AS is_answered,
  1 + pick % 20 AS n
SELECT
  toDateTime64({from:DateTime64(3, 'UTC')}, 3, 'UTC') + toIntervalSecond(10 * at) AS start,
  start + toIntervalSecond(10), at + 1, concat('node-', toString(host)), 'production', 'main',
  concat('boot-', toString(host)), at * ({slots:UInt32} + 1) + slot + 1,
  concat('workload-', toString(host % 10), '-', toString(slot % 8)),
  concat('service-', toString(host % 10), '-', toString(slot % 8)),
  concat('/usr/bin/service-', toString(slot % 8)), 1000, 'exact', if(is_in, 'ingress', 'egress'), 'tcp',
  'ipv4', 4026531840,
  if(
    is_in,
    concat('10.1.', toString(far % 4), '.', toString(far % 250)),
    concat('10.0.', toString(host), '.1')
  ),
  'exact',
  if(
    is_in,
    concat('10.0.', toString(host), '.1'),
    concat(
      multiIf(is_new, '10.3.', is_private, '10.2.', '198.18.'),
      toString(intDiv(far, 250)), '.', toString(far % 250)
    )
  ),
  'exact',
  multiIf(
    is_in, 8000 + slot % 8,
    is_new OR far % 100 = 1, 22,
    [443, 5432, 6379, 8080][1 + far % 4]
  ),
  state, is_answered, if(state = 'open', 0, 2.5 * n), if(state = 'open', 0, n),
  if(state = 'open', map(), map(toUInt64(2048), toUInt64(n))),
  if(state = 'open', 0, n), if(is_answered AND state != 'open', n, 0), if(state = 'open', 0, n),
  if(state = 'open', n, 0), 1000 * n, 2000 * n, 9000 * n, chance % 3, if(state = 'reset', n, 0), 1.5 * n, n,
  if(is_in OR is_private, '', concat('host-', toString(far), '.example-', toString(far % 50), '.com')),
  if(is_in OR is_private, '', 'dns'), if(is_in OR is_private, 'private', 'public'),
  if(is_in OR is_private, '', concat('Org ', toString(far % 50)))
FROM numbers({rows:UInt64})
