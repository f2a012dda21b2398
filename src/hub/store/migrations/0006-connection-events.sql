-- One row per connection told singly.
CREATE TABLE IF NOT EXISTS {connection_events:Table}
(
  time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  host_name LowCardinality(String),
  environment LowCardinality(String),
  agent_instance LowCardinality(String),
  agent_id String,
  boot_id String,
  record_sequence UInt64 CODEC(Delta, ZSTD),
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
  latency_ms Nullable(Float64),
  connection_id String CODEC(ZSTD),
  connection_adopted Bool,
  source_port UInt16,
  process_pid UInt32,
  process_start Nullable(DateTime64(3, 'UTC')),
  connection_duration_ms Nullable(Float64),
  bytes_sent UInt64,
  bytes_received UInt64,
  retransmits UInt64,
  error LowCardinality(String),
  reset_side LowCardinality(String),
  close_reason LowCardinality(String),
  timeout_by LowCardinality(String)
)
ENGINE = {MergeTree:Engine}
PARTITION BY toYYYYMMDD(time)
ORDER BY
(
  toStartOfFifteenMinutes(time), connection_state, host_name, process_name, direction, destination_ip,
  destination_port, time
)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
