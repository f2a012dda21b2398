-- Who started the process, as it was when it became the owner.
ALTER TABLE {connection_events:Table} ADD COLUMN IF NOT EXISTS process_parent_pid UInt32,
  ADD COLUMN IF NOT EXISTS process_parent_name LowCardinality(String)
