ALTER TABLE flows_to_1h MODIFY QUERY
SELECT
  toDateTime64(toStartOfHour(flows.window_start), 3, 'UTC') AS window_start,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, source_ip,
  source_ip_form, destination_ip, destination_ip_form, destination_port, connection_state,
  connection_established,
  latency_sum_ms, latency_count, latency_histogram, connections_opened, connections_adopted,
  connections_established, connections_ended, connections_abandoned, connections_open_ms, bytes_sent,
  bytes_received, retransmits, resets_sent, resets_received, timeouts_by_application, segments_sent,
  segments_received, retransmits_syn, retransmits_synack, retransmits_data, rtt_sum_ms, rtt_count,
  rtt_min_ms, limited_ms_busy, limited_ms_peer_window, limited_ms_send_buffer, app_unread_bytes,
  app_unread_connections, app_waiting_connections, app_waiting_ms
FROM {flows_1m:Table} AS flows
