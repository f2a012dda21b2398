ALTER TABLE {windows:Table} ADD COLUMN IF NOT EXISTS unenriched Map(LowCardinality(String), UInt64)
