-- DNS lookups of one minute. Every number is a sum, so a row that is not merged yet changes no answer.
CREATE TABLE IF NOT EXISTS {dns_1m:Table}
(
  window_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  host_name LowCardinality(String),
  environment LowCardinality(String),
  agent_instance LowCardinality(String),
  boot_id String,
  workload_name LowCardinality(String),
  process_name LowCardinality(String),
  process_executable_path LowCardinality(String),
  user_id Nullable(UInt32),
  attribution LowCardinality(String),
  direction LowCardinality(String),
  network_transport LowCardinality(String),
  network_type LowCardinality(String),
  network_namespace UInt32,
  destination_ip String,
  destination_ip_form LowCardinality(String),
  destination_port UInt16,
  connection_state LowCardinality(String),
  dns_question_name String,
  dns_question_type LowCardinality(String),
  dns_rcode LowCardinality(String),
  latency_sum_ms SimpleAggregateFunction(sum, Float64),
  latency_count SimpleAggregateFunction(sum, UInt64),
  latency_histogram SimpleAggregateFunction(sumMap, Map(UInt64, UInt64)),
  dns_lookups SimpleAggregateFunction(sum, UInt64),
  dns_attempts SimpleAggregateFunction(sum, UInt64),
  dns_truncated SimpleAggregateFunction(sum, UInt64)
)
ENGINE = {AggregatingMergeTree:Engine}
PARTITION BY toYYYYMMDD(window_start)
PRIMARY KEY (toStartOfFifteenMinutes(window_start), dns_rcode, host_name, process_name, direction)
ORDER BY
(
  toStartOfFifteenMinutes(window_start), dns_rcode, host_name, process_name, direction, dns_question_name,
  dns_question_type, window_start, environment, agent_instance, boot_id, workload_name,
  process_executable_path, user_id, attribution, network_transport, network_type, network_namespace,
  destination_ip, destination_ip_form, destination_port, connection_state
)
SETTINGS
  non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, allow_nullable_key = 1
