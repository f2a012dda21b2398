-- One row per telling of an address of a node: when it appeared or was gone, and once an hour.
CREATE TABLE IF NOT EXISTS {addresses:Table}
(
  time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  window_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  window_end DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  window_number UInt64 CODEC(Delta, ZSTD),
  host_name LowCardinality(String),
  environment LowCardinality(String),
  agent_instance LowCardinality(String),
  agent_id String,
  boot_id String,
  record_sequence UInt64 CODEC(Delta, ZSTD),
  address_change LowCardinality(String),
  destination_ip String,
  destination_ip_form LowCardinality(String),
  destination_scope LowCardinality(String),
  network_type LowCardinality(String),
  network_namespace UInt32
)
ENGINE = {MergeTree:Engine}
PARTITION BY toYYYYMM(time)
ORDER BY (toStartOfHour(time), destination_ip, time)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
