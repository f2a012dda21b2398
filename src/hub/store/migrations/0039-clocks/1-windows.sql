-- What the agent's clock lacked to the hub's as the window came, and what of that was added to its times.
ALTER TABLE {windows:Table} ADD COLUMN IF NOT EXISTS clock_offset_ms Int64,
  ADD COLUMN IF NOT EXISTS clock_correction_ms Int64
