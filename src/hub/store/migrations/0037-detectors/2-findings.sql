-- One row per finding, once merged: the one with the highest `version`, the time of what it tells last.
CREATE TABLE IF NOT EXISTS {findings:Table}
(
  question LowCardinality(String),
  id String,
  time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  version DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  state LowCardinality(String),
  muted String CODEC(ZSTD),
  finding String CODEC(ZSTD)
)
ENGINE = {ReplacingMergeTree:Engine}(version)
ORDER BY (question, id)
