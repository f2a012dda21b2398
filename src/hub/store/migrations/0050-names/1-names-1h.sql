-- What connections of an hour told of the other end: questions need not look through the windows themselves.
-- The newest name of the hour stays, with all that belongs to it; before what has none. Adding the same
-- window twice changes nothing.
CREATE TABLE IF NOT EXISTS {names_1h:Table}
(
  window_start DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  environment LowCardinality(String),
  process_name LowCardinality(String),
  direction LowCardinality(String),
  destination_ip String,
  destination_port UInt16,
  told SimpleAggregateFunction(max, Tuple(
    is_named UInt8, at DateTime64(3, 'UTC'), name String, source String, scope String, as_org String
  ))
)
ENGINE = {AggregatingMergeTree:Engine}
PARTITION BY toYYYYMM(window_start)
ORDER BY (window_start, environment, process_name, direction, destination_ip, destination_port)
SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1
