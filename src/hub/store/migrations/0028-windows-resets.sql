-- Resets that the host sent, by the kernel's reason; empty where it gives none.
ALTER TABLE {windows:Table} ADD COLUMN IF NOT EXISTS resets_reasons Map(LowCardinality(String), UInt64)
