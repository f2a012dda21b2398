CREATE TABLE IF NOT EXISTS {windows_1h:Table}
(
  window_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  host_name LowCardinality(String),
  environment LowCardinality(String),
  agent_instance LowCardinality(String),
  window_ms SimpleAggregateFunction(sum, UInt64),
  attributed SimpleAggregateFunction(sum, UInt64),
  attributable SimpleAggregateFunction(sum, UInt64),
  coverage_seen SimpleAggregateFunction(sum, UInt64),
  coverage_kernel SimpleAggregateFunction(sum, UInt64),
  connections_opened SimpleAggregateFunction(sum, UInt64),
  connections_ended SimpleAggregateFunction(sum, UInt64),
  window_records SimpleAggregateFunction(sum, UInt64),
  windows SimpleAggregateFunction(sum, UInt64),
  coverage_unreachable SimpleAggregateFunction(max, UInt32)
)
ENGINE = {AggregatingMergeTree:Engine}
PARTITION BY toYYYYMM(window_start)
ORDER BY (window_start, host_name, environment, agent_instance)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
