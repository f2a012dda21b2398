-- What went before its time, for want of disk: of a level, all that is of before `until`. It stays, so that
-- nothing of it comes back.
CREATE TABLE IF NOT EXISTS {dropped:Table}
(
  level LowCardinality(String),
  until DateTime64(3, 'UTC'),
  at DateTime64(3, 'UTC'),
  bytes UInt64
)
ENGINE = {MergeTree:Engine}
ORDER BY (level, until)
