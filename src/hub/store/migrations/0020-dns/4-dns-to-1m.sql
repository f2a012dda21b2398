CREATE MATERIALIZED VIEW IF NOT EXISTS dns_to_1m TO {dns_1m:Table} AS
SELECT
  toDateTime64(toStartOfMinute(dns.window_start), 3, 'UTC') AS window_start,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, destination_ip,
  destination_ip_form, destination_port, connection_state, dns_question_name, dns_question_type, dns_rcode,
  sum(dns.latency_sum_ms) AS latency_sum_ms,
  sum(dns.latency_count) AS latency_count,
  sumMap(dns.latency_histogram) AS latency_histogram,
  sum(dns.dns_lookups) AS dns_lookups,
  sum(dns.dns_attempts) AS dns_attempts,
  sum(dns.dns_truncated) AS dns_truncated
FROM {dns:Table} AS dns
GROUP BY
  window_start,
  host_name, environment, agent_instance, boot_id, workload_name, process_name, process_executable_path,
  user_id, attribution, direction, network_transport, network_type, network_namespace, destination_ip,
  destination_ip_form, destination_port, connection_state, dns_question_name, dns_question_type, dns_rcode
