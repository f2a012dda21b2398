-- What the agent took in the window (shares of a processor, bytes), and how many records waited for each
-- exporter.
ALTER TABLE {windows:Table} ADD COLUMN IF NOT EXISTS budget_cpu Nullable(Float64),
  ADD COLUMN IF NOT EXISTS budget_memory Nullable(UInt64),
  ADD COLUMN IF NOT EXISTS exporters_behind Map(LowCardinality(String), UInt64)
