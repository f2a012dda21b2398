-- What a detector knows: of each key, and under the empty key of itself. A later `time`, the end of what it
-- includes, takes the place of an earlier one; hubs that ran the same steps write the same rows.
CREATE TABLE IF NOT EXISTS {detector_state:Table}
(
  question LowCardinality(String),
  revision LowCardinality(String),
  key String CODEC(ZSTD),
  time DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
  state String CODEC(ZSTD)
)
ENGINE = {ReplacingMergeTree:Engine}(time)
ORDER BY (question, revision, key)
