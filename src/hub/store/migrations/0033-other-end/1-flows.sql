-- What is at the other end: the destination on egress, the caller on ingress.
ALTER TABLE {flows:Table} ADD COLUMN IF NOT EXISTS destination_name String,
  ADD COLUMN IF NOT EXISTS destination_name_source LowCardinality(String),
  ADD COLUMN IF NOT EXISTS destination_scope LowCardinality(String),
  ADD COLUMN IF NOT EXISTS destination_zone LowCardinality(String),
  ADD COLUMN IF NOT EXISTS boundary_crossed Bool,
  ADD COLUMN IF NOT EXISTS destination_service LowCardinality(String),
  ADD COLUMN IF NOT EXISTS destination_as_number UInt32,
  ADD COLUMN IF NOT EXISTS destination_as_org LowCardinality(String),
  ADD COLUMN IF NOT EXISTS destination_geo_country LowCardinality(String),
  ADD COLUMN IF NOT EXISTS destination_translated_ip String,
  ADD COLUMN IF NOT EXISTS destination_translated_port UInt16,
  ADD COLUMN IF NOT EXISTS destination_redirected_by LowCardinality(String)
