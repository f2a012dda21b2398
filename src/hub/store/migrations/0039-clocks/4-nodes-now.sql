CREATE OR REPLACE VIEW nodes_now AS
SELECT
  host_name,
  environment,
  agent_instance,
  min(nodes.first_seen) AS first_seen,
  max(nodes.last_seen) AS last_seen,
  argMaxMerge(nodes.agent_id) AS agent_id,
  argMaxMerge(nodes.boot_id) AS boot_id,
  argMaxMerge(nodes.agent_version) AS agent_version,
  argMaxMerge(nodes.window_last) AS window_last,
  argMaxMerge(nodes.clock_offset_ms) AS clock_offset_ms,
  argMaxMerge(nodes.clock_correction_ms) AS clock_correction_ms
FROM nodes
GROUP BY host_name, environment, agent_instance
