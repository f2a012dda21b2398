-- Groups of kernel programs that were on from the window's beginning to its end.
ALTER TABLE {windows:Table} ADD COLUMN IF NOT EXISTS signals Array(LowCardinality(String))
