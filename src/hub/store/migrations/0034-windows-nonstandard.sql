-- `rule.label` to records whose label has a value that the agent's labelling standard does not allow.
ALTER TABLE {windows:Table} ADD COLUMN IF NOT EXISTS nonstandard Map(LowCardinality(String), UInt64)
