-- Lookups: four rows in each window of a host.
INSERT INTO dns
(
  window_start, window_end, window_number, host_name, environment, agent_instance, boot_id, record_sequence,
  workload_name, process_name, attribution, direction, network_transport, network_type, destination_ip,
  destination_ip_form, destination_port, connection_state, dns_question_name, dns_question_type, dns_rcode,
  latency_sum_ms, latency_count, latency_histogram, dns_lookups, dns_attempts
)
WITH
  number % 4 AS slot,
  intDiv(number, 4) % {hosts:UInt32} AS host,
  {first:UInt32} + intDiv(number, 4 * {hosts:UInt32}) AS at,
  cityHash64(host, slot, at) AS pick,
  pick % 200 AS far,
  if(pick % 100 = 0, 'NXDOMAIN', 'NOERROR') AS rcode
SELECT
  toDateTime64({from:DateTime64(3, 'UTC')}, 3, 'UTC') + toIntervalSecond(10 * at) AS start,
  start + toIntervalSecond(10), at + 1, concat('node-', toString(host)), 'production', 'main',
  concat('boot-', toString(host)), 1000000000 + number,
  concat('workload-', toString(host % 10), '-', toString(pick % 8)),
  concat('service-', toString(host % 10), '-', toString(pick % 8)), 'exact', 'egress', 'udp', 'ipv4',
  '10.2.0.53', 'exact', 53, 'closed',
  concat('host-', toString(far), '.example-', toString(far % 50), '.com'), 'A', rcode, 1.5, 1,
  map(toUInt64(1024), toUInt64(1)), 1, 1
FROM numbers({rows:UInt64})
