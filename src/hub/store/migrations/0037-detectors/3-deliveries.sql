-- What became of telling a finding to a target: one row per claim, and one per end of it.
CREATE TABLE IF NOT EXISTS {deliveries:Table}
(
  question LowCardinality(String),
  id String,
  event LowCardinality(String),
  target LowCardinality(String),
  time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  hub String,
  result LowCardinality(String),
  attempts UInt32,
  reason String CODEC(ZSTD)
)
ENGINE = {MergeTree:Engine}
ORDER BY (question, id, event, target, time)
