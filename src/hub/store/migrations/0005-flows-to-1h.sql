CREATE MATERIALIZED VIEW IF NOT EXISTS flows_to_1h TO {flows_1h:Table} AS
SELECT
  toDateTime64(toStartOfHour(flows.window_start), 3, 'UTC') AS window_start,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, source_ip,
  source_ip_form, destination_ip, destination_ip_form, destination_port, connection_state,
  connection_established,
  sum(flows.latency_sum_ms) AS latency_sum_ms,
  sum(flows.latency_count) AS latency_count,
  sumMap(flows.latency_histogram) AS latency_histogram,
  sum(flows.connections_opened) AS connections_opened,
  sum(flows.connections_adopted) AS connections_adopted,
  sum(flows.connections_established) AS connections_established,
  sum(flows.connections_ended) AS connections_ended,
  sum(flows.connections_abandoned) AS connections_abandoned,
  sum(flows.connections_open_ms) AS connections_open_ms,
  sum(flows.bytes_sent) AS bytes_sent,
  sum(flows.bytes_received) AS bytes_received,
  sum(flows.retransmits) AS retransmits,
  sum(flows.resets_sent) AS resets_sent,
  sum(flows.resets_received) AS resets_received,
  sum(flows.timeouts_by_application) AS timeouts_by_application
FROM {flows_1m:Table} AS flows
GROUP BY
  window_start,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, source_ip,
  source_ip_form, destination_ip, destination_ip_form, destination_port, connection_state,
  connection_established
