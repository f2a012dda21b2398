ALTER TABLE {nodes:Table} ADD COLUMN IF NOT EXISTS clock_offset_ms
    AggregateFunction(argMax, Int64, DateTime64(3, 'UTC')),
  ADD COLUMN IF NOT EXISTS clock_correction_ms AggregateFunction(argMax, Int64, DateTime64(3, 'UTC'))
