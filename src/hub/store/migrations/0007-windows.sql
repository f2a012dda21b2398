-- One row per closed window of a node: what it saw, lost and could not see.
CREATE TABLE IF NOT EXISTS {windows:Table}
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
  agent_version LowCardinality(String),
  window_ms UInt64,
  window_last Bool,
  window_records UInt64,
  connections_opened UInt64,
  connections_adopted UInt64,
  connections_established UInt64,
  connections_ended UInt64,
  connections_open UInt64,
  connections_abandoned UInt64,
  connections_orphaned UInt64,
  connections_untracked UInt64,
  bytes_sent UInt64,
  bytes_received UInt64,
  retransmits UInt64,
  connections_ended_states Map(LowCardinality(String), UInt64),
  attribution Map(LowCardinality(String), UInt64),
  unlabelled Map(LowCardinality(String), UInt64),
  lost Map(LowCardinality(String), UInt64),
  attributed UInt64,
  attributable UInt64,
  coverage_seen UInt64,
  coverage_kernel UInt64,
  coverage_unreachable UInt32,
  coverage_namespaces String CODEC(ZSTD),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = {MergeTree:Engine}
PARTITION BY toYYYYMMDD(window_start)
ORDER BY (toStartOfFifteenMinutes(window_start), host_name, environment, agent_instance, window_start)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
