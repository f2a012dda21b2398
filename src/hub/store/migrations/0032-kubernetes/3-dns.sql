ALTER TABLE {dns:Table} ADD COLUMN IF NOT EXISTS k8s_namespace LowCardinality(String),
  ADD COLUMN IF NOT EXISTS k8s_pod LowCardinality(String),
  ADD COLUMN IF NOT EXISTS k8s_service_account LowCardinality(String),
  ADD COLUMN IF NOT EXISTS k8s_node LowCardinality(String),
  ADD COLUMN IF NOT EXISTS k8s_cluster LowCardinality(String),
  ADD COLUMN IF NOT EXISTS enrichment_missing Array(LowCardinality(String))
