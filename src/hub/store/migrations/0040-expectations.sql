-- Who may talk to whom, as files of a hub say it: one row per entry. All entries of a hub are kept under
-- their digest, so hubs with other files do not meet. Patterns are those of LIKE.
CREATE TABLE IF NOT EXISTS {expectations:Table}
(
  digest String,
  number UInt32,
  label String CODEC(ZSTD),
  environment String,
  workload String,
  process String,
  host String,
  namespace String,
  targets Array(Tuple(
    label String,
    names Array(String),
    networks Array(Tuple(IPv6, IPv6)),
    ports Array(Tuple(UInt16, UInt16)),
    transport String
  )) CODEC(ZSTD)
)
ENGINE = {ReplacingMergeTree:Engine}
ORDER BY (digest, number)
