-- One row per telling of a listener: when it appeared, changed, was gone, and once an hour. Counts are since
-- the telling before.
CREATE TABLE IF NOT EXISTS {listeners:Table}
(
  time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  host_name LowCardinality(String),
  environment LowCardinality(String),
  agent_instance LowCardinality(String),
  agent_id String,
  boot_id String,
  record_sequence UInt64 CODEC(Delta, ZSTD),
  window_number UInt64 CODEC(Delta, ZSTD),
  listener_id String CODEC(ZSTD),
  listener_changes Array(LowCardinality(String)),
  workload_name LowCardinality(String),
  process_name LowCardinality(String),
  process_executable_path LowCardinality(String),
  user_id Nullable(UInt32),
  attribution LowCardinality(String),
  process_pid UInt32,
  process_start Nullable(DateTime64(3, 'UTC')),
  network_transport LowCardinality(String),
  network_type LowCardinality(String),
  network_namespace UInt32,
  destination_ip String,
  destination_port UInt16,
  listener_backlog UInt32,
  listener_backlog_max UInt32,
  listener_drops UInt64,
  listener_synack_retransmits UInt64,
  listener_resets_sent UInt64
)
ENGINE = {MergeTree:Engine}
PARTITION BY toYYYYMMDD(time)
ORDER BY (toStartOfFifteenMinutes(time), host_name, process_name, destination_port, time)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
