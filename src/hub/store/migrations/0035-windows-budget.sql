-- The lowest step of the agent's budget in the window; empty: nothing was given up.
ALTER TABLE {windows:Table} ADD COLUMN IF NOT EXISTS budget_step LowCardinality(String)
