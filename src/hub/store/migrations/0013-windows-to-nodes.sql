CREATE MATERIALIZED VIEW IF NOT EXISTS windows_to_nodes TO {nodes:Table} AS
SELECT
  host_name,
  environment,
  agent_instance,
  min(window_start) AS first_seen,
  max(window_end) AS last_seen,
  argMaxState(windows.agent_id, window_end) AS agent_id,
  argMaxState(windows.boot_id, window_end) AS boot_id,
  argMaxState(CAST(windows.agent_version, 'String'), window_end) AS agent_version,
  argMaxState(windows.window_last, window_end) AS window_last
FROM {windows:Table} AS windows
GROUP BY host_name, environment, agent_instance
