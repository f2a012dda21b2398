-- Flows of one hour. Every number is a sum, so a row that is not merged yet changes no answer.
CREATE TABLE IF NOT EXISTS {flows_1h:Table}
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
  source_ip String,
  source_ip_form LowCardinality(String),
  destination_ip String,
  destination_ip_form LowCardinality(String),
  destination_port UInt16,
  connection_state LowCardinality(String),
  connection_established Bool,
  latency_sum_ms SimpleAggregateFunction(sum, Float64),
  latency_count SimpleAggregateFunction(sum, UInt64),
  latency_histogram SimpleAggregateFunction(sumMap, Map(UInt64, UInt64)),
  connections_opened SimpleAggregateFunction(sum, UInt64),
  connections_adopted SimpleAggregateFunction(sum, UInt64),
  connections_established SimpleAggregateFunction(sum, UInt64),
  connections_ended SimpleAggregateFunction(sum, UInt64),
  connections_abandoned SimpleAggregateFunction(sum, UInt64),
  connections_open_ms SimpleAggregateFunction(sum, UInt64),
  bytes_sent SimpleAggregateFunction(sum, UInt64),
  bytes_received SimpleAggregateFunction(sum, UInt64),
  retransmits SimpleAggregateFunction(sum, UInt64),
  resets_sent SimpleAggregateFunction(sum, UInt64),
  resets_received SimpleAggregateFunction(sum, UInt64),
  timeouts_by_application SimpleAggregateFunction(sum, UInt64)
)
ENGINE = {AggregatingMergeTree:Engine}
PARTITION BY toYYYYMM(window_start)
PRIMARY KEY (window_start, connection_state, host_name, process_name, direction)
ORDER BY
(
  window_start, connection_state, host_name, process_name, direction, destination_ip,
  destination_port, environment, agent_instance, boot_id, workload_name, process_executable_path, user_id,
  attribution, network_transport, network_type, network_namespace, source_ip, source_ip_form,
  destination_ip_form, connection_established
)
SETTINGS
  non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1, allow_nullable_key = 1
