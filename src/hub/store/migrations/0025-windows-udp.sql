-- Sums over the window's UDP flows; every other number of a window is of TCP.
ALTER TABLE {windows:Table} ADD COLUMN IF NOT EXISTS udp Map(LowCardinality(String), UInt64)
