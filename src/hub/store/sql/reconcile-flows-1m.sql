-- Adds what flows_1m lack of flows, in whole hours and for some nodes; a row too much is taken
-- back, as sums of UInt64 wrap around. Run again it adds nothing. Nobody else may write these meanwhile.
INSERT INTO flows_1m
(
  window_start,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, source_ip,
  source_ip_form, destination_ip, destination_ip_form, destination_port, connection_state,
  connection_established,
  latency_sum_ms, latency_histogram, latency_count,
  connections_opened, connections_adopted, connections_established, connections_ended,
  connections_abandoned, connections_open_ms, bytes_sent, bytes_received, retransmits,
  resets_sent, resets_received, timeouts_by_application,
  segments_sent, segments_received, retransmits_syn, retransmits_synack, retransmits_data, rtt_count,
  limited_ms_busy, limited_ms_peer_window, limited_ms_send_buffer, app_unread_bytes,
  app_unread_connections, app_waiting_connections, rtt_sum_ms, rtt_min_ms, app_waiting_ms
)
SELECT
  bucket,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, source_ip,
  source_ip_form, destination_ip, destination_ip_form, destination_port, connection_state,
  connection_established,
  sum(lack_latency_sum_ms), sumMap(lack_latency_histogram),
  sum(lack_latency_count) AS total_latency_count,
  sum(lack_connections_opened) AS total_connections_opened,
  sum(lack_connections_adopted) AS total_connections_adopted,
  sum(lack_connections_established) AS total_connections_established,
  sum(lack_connections_ended) AS total_connections_ended,
  sum(lack_connections_abandoned) AS total_connections_abandoned,
  sum(lack_connections_open_ms) AS total_connections_open_ms,
  sum(lack_bytes_sent) AS total_bytes_sent,
  sum(lack_bytes_received) AS total_bytes_received,
  sum(lack_retransmits) AS total_retransmits,
  sum(lack_resets_sent) AS total_resets_sent,
  sum(lack_resets_received) AS total_resets_received,
  sum(lack_timeouts_by_application) AS total_timeouts_by_application,
  sum(lack_segments_sent) AS total_segments_sent,
  sum(lack_segments_received) AS total_segments_received,
  sum(lack_retransmits_syn) AS total_retransmits_syn,
  sum(lack_retransmits_synack) AS total_retransmits_synack,
  sum(lack_retransmits_data) AS total_retransmits_data,
  sum(lack_rtt_count) AS total_rtt_count,
  sum(lack_limited_ms_busy) AS total_limited_ms_busy,
  sum(lack_limited_ms_peer_window) AS total_limited_ms_peer_window,
  sum(lack_limited_ms_send_buffer) AS total_limited_ms_send_buffer,
  sum(lack_app_unread_bytes) AS total_app_unread_bytes,
  sum(lack_app_unread_connections) AS total_app_unread_connections,
  sum(lack_app_waiting_connections) AS total_app_waiting_connections,
  sum(lack_rtt_sum_ms), min(seen_rtt_min_ms), max(seen_app_waiting_ms)
FROM
(
  SELECT
    toDateTime64(toStartOfMinute(window_start), 3, 'UTC') AS bucket,
    host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
    user_id, attribution, direction, network_transport, network_type, network_namespace, source_ip,
    source_ip_form, destination_ip, destination_ip_form, destination_port, connection_state,
    connection_established,
    latency_sum_ms AS lack_latency_sum_ms,
    latency_histogram AS lack_latency_histogram,
    latency_count AS lack_latency_count,
    connections_opened AS lack_connections_opened,
    connections_adopted AS lack_connections_adopted,
    connections_established AS lack_connections_established,
    connections_ended AS lack_connections_ended,
    connections_abandoned AS lack_connections_abandoned,
    connections_open_ms AS lack_connections_open_ms,
    bytes_sent AS lack_bytes_sent,
    bytes_received AS lack_bytes_received,
    retransmits AS lack_retransmits,
    resets_sent AS lack_resets_sent,
    resets_received AS lack_resets_received,
    timeouts_by_application AS lack_timeouts_by_application,
    segments_sent AS lack_segments_sent,
    segments_received AS lack_segments_received,
    retransmits_syn AS lack_retransmits_syn,
    retransmits_synack AS lack_retransmits_synack,
    retransmits_data AS lack_retransmits_data,
    rtt_count AS lack_rtt_count,
    limited_ms_busy AS lack_limited_ms_busy,
    limited_ms_peer_window AS lack_limited_ms_peer_window,
    limited_ms_send_buffer AS lack_limited_ms_send_buffer,
    app_unread_bytes AS lack_app_unread_bytes,
    app_unread_connections AS lack_app_unread_connections,
    app_waiting_connections AS lack_app_waiting_connections,
    rtt_sum_ms AS lack_rtt_sum_ms,
    rtt_min_ms AS seen_rtt_min_ms,
    app_waiting_ms AS seen_app_waiting_ms
  FROM flows
  WHERE
    host_name IN {hosts:Array(String)}
    AND window_start >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
    AND window_start < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
  UNION ALL
  SELECT
    window_start,
    host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
    user_id, attribution, direction, network_transport, network_type, network_namespace, source_ip,
    source_ip_form, destination_ip, destination_ip_form, destination_port, connection_state,
    connection_established,
    -latency_sum_ms,
    mapApply((bound, count) -> (bound, toUInt64(0 - count)), latency_histogram),
    toUInt64(0 - latency_count),
    toUInt64(0 - connections_opened),
    toUInt64(0 - connections_adopted),
    toUInt64(0 - connections_established),
    toUInt64(0 - connections_ended),
    toUInt64(0 - connections_abandoned),
    toUInt64(0 - connections_open_ms),
    toUInt64(0 - bytes_sent),
    toUInt64(0 - bytes_received),
    toUInt64(0 - retransmits),
    toUInt64(0 - resets_sent),
    toUInt64(0 - resets_received),
    toUInt64(0 - timeouts_by_application),
    toUInt64(0 - segments_sent),
    toUInt64(0 - segments_received),
    toUInt64(0 - retransmits_syn),
    toUInt64(0 - retransmits_synack),
    toUInt64(0 - retransmits_data),
    toUInt64(0 - rtt_count),
    toUInt64(0 - limited_ms_busy),
    toUInt64(0 - limited_ms_peer_window),
    toUInt64(0 - limited_ms_send_buffer),
    toUInt64(0 - app_unread_bytes),
    toUInt64(0 - app_unread_connections),
    toUInt64(0 - app_waiting_connections),
    -rtt_sum_ms,
    rtt_min_ms,
    app_waiting_ms
  FROM flows_1m
  WHERE
    host_name IN {hosts:Array(String)}
    AND window_start >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
    AND window_start < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
)
GROUP BY
  bucket,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, source_ip,
  source_ip_form, destination_ip, destination_ip_form, destination_port, connection_state,
  connection_established
HAVING
  total_latency_count != 0
  OR total_connections_opened != 0
  OR total_connections_adopted != 0
  OR total_connections_established != 0
  OR total_connections_ended != 0
  OR total_connections_abandoned != 0
  OR total_connections_open_ms != 0
  OR total_bytes_sent != 0
  OR total_bytes_received != 0
  OR total_retransmits != 0
  OR total_resets_sent != 0
  OR total_resets_received != 0
  OR total_timeouts_by_application != 0
  OR total_segments_sent != 0
  OR total_segments_received != 0
  OR total_retransmits_syn != 0
  OR total_retransmits_synack != 0
  OR total_retransmits_data != 0
  OR total_rtt_count != 0
  OR total_limited_ms_busy != 0
  OR total_limited_ms_peer_window != 0
  OR total_limited_ms_send_buffer != 0
  OR total_app_unread_bytes != 0
  OR total_app_unread_connections != 0
  OR total_app_waiting_connections != 0
