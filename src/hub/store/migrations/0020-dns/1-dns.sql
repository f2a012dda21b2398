-- DNS lookups: one row per question, outcome and window, at one end. Recent windows first, then outcomes.
CREATE TABLE IF NOT EXISTS {dns:Table}
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
  destination_ip String,
  destination_ip_form LowCardinality(String),
  destination_port UInt16,
  connection_state LowCardinality(String),
  dns_question_name String,
  dns_question_type LowCardinality(String),
  dns_rcode LowCardinality(String),
  latency_sum_ms Float64,
  latency_count UInt64,
  latency_histogram Map(UInt64, UInt64),
  dns_lookups UInt64,
  dns_attempts UInt64,
  dns_truncated UInt64,
  dns_answers Array(String),
  dns_ttl_min Nullable(UInt32)
)
ENGINE = {MergeTree:Engine}
PARTITION BY toYYYYMMDD(window_start)
ORDER BY
(
  toStartOfFifteenMinutes(window_start), dns_rcode, host_name, process_name, direction,
  dns_question_name, dns_question_type, window_start
)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
