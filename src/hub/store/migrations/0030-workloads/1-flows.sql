-- Who runs the process, by its control group, and whose it is, by the rules of the configuration.
ALTER TABLE {flows:Table} ADD COLUMN IF NOT EXISTS user_name LowCardinality(String),
  ADD COLUMN IF NOT EXISTS workload_kind LowCardinality(String),
  ADD COLUMN IF NOT EXISTS workload_owner LowCardinality(String),
  ADD COLUMN IF NOT EXISTS workload_rule LowCardinality(String),
  ADD COLUMN IF NOT EXISTS labels Map(LowCardinality(String), String),
  ADD COLUMN IF NOT EXISTS systemd_unit LowCardinality(String),
  ADD COLUMN IF NOT EXISTS container_id LowCardinality(String),
  ADD COLUMN IF NOT EXISTS container_name LowCardinality(String),
  ADD COLUMN IF NOT EXISTS container_image LowCardinality(String),
  ADD COLUMN IF NOT EXISTS container_runtime LowCardinality(String),
  ADD COLUMN IF NOT EXISTS k8s_pod_uid LowCardinality(String),
  ADD COLUMN IF NOT EXISTS k8s_pod_qos LowCardinality(String),
  ADD COLUMN IF NOT EXISTS cgroup_path LowCardinality(String)
