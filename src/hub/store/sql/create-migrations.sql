CREATE TABLE IF NOT EXISTS migrations
(
  number UInt32,
  name String,
  applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = MergeTree
ORDER BY number
