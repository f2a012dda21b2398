-- Adds what dns_1h lack of dns_1m, in whole hours and for some nodes; a row too much is taken
-- back, as sums of UInt64 wrap around. Run again it adds nothing. Nobody else may write these meanwhile.
INSERT INTO dns_1h
(
  window_start,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, destination_ip,
  destination_ip_form, destination_port, connection_state, dns_question_name, dns_question_type, dns_rcode,
  latency_sum_ms, latency_histogram, latency_count, dns_lookups, dns_attempts, dns_truncated
)
SELECT
  bucket,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, destination_ip,
  destination_ip_form, destination_port, connection_state, dns_question_name, dns_question_type, dns_rcode,
  sum(lack_latency_sum_ms), sumMap(lack_latency_histogram),
  sum(lack_latency_count) AS total_latency_count,
  sum(lack_dns_lookups) AS total_dns_lookups,
  sum(lack_dns_attempts) AS total_dns_attempts,
  sum(lack_dns_truncated) AS total_dns_truncated
FROM
(
  SELECT
    toDateTime64(toStartOfHour(window_start), 3, 'UTC') AS bucket,
    host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
    user_id, attribution, direction, network_transport, network_type, network_namespace, destination_ip,
    destination_ip_form, destination_port, connection_state, dns_question_name, dns_question_type, dns_rcode,
    latency_sum_ms AS lack_latency_sum_ms,
    latency_histogram AS lack_latency_histogram,
    latency_count AS lack_latency_count,
    dns_lookups AS lack_dns_lookups,
    dns_attempts AS lack_dns_attempts,
    dns_truncated AS lack_dns_truncated
  FROM dns_1m
  WHERE
    host_name IN {hosts:Array(String)}
    AND window_start >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
    AND window_start < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
  UNION ALL
  SELECT
    window_start,
    host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
    user_id, attribution, direction, network_transport, network_type, network_namespace, destination_ip,
    destination_ip_form, destination_port, connection_state, dns_question_name, dns_question_type, dns_rcode,
    -latency_sum_ms,
    mapApply((bound, count) -> (bound, toUInt64(0 - count)), latency_histogram),
    toUInt64(0 - latency_count),
    toUInt64(0 - dns_lookups),
    toUInt64(0 - dns_attempts),
    toUInt64(0 - dns_truncated)
  FROM dns_1h
  WHERE
    host_name IN {hosts:Array(String)}
    AND window_start >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
    AND window_start < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
)
GROUP BY
  bucket,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, destination_ip,
  destination_ip_form, destination_port, connection_state, dns_question_name, dns_question_type, dns_rcode
HAVING
  total_latency_count != 0
  OR total_dns_lookups != 0
  OR total_dns_attempts != 0
  OR total_dns_truncated != 0
