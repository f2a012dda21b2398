-- The field policy that the window's records went through; empty where the agent has none.
ALTER TABLE {windows:Table} ADD COLUMN IF NOT EXISTS policy_version LowCardinality(String)
