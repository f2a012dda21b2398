-- One row per flow key and window. Recent windows first, then what screens group by; so equal values meet.
CREATE TABLE IF NOT EXISTS {flows:Table}
(
  window_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  window_end DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  window_number UInt64 CODEC(Delta, ZSTD),
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
  latency_sum_ms Float64,
  latency_count UInt64,
  latency_histogram Map(UInt64, UInt64),
  connections_opened UInt64,
  connections_adopted UInt64,
  connections_established UInt64,
  connections_ended UInt64,
  connections_open UInt64,
  connections_abandoned UInt64,
  connections_open_ms UInt64,
  bytes_sent UInt64,
  bytes_received UInt64,
  retransmits UInt64,
  resets_sent UInt64,
  resets_received UInt64,
  timeouts_by_application UInt64
)
ENGINE = {MergeTree:Engine}
PARTITION BY toYYYYMMDD(window_start)
ORDER BY
(
  toStartOfFifteenMinutes(window_start), connection_state, host_name, process_name, direction,
  destination_ip, destination_port, window_start
)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
