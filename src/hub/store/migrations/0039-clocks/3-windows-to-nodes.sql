ALTER TABLE windows_to_nodes MODIFY QUERY
SELECT
  host_name,
  environment,
  agent_instance,
  min(window_start) AS first_seen,
  max(window_end) AS last_seen,
  argMaxState(windows.agent_id, window_end) AS agent_id,
  argMaxState(windows.boot_id, window_end) AS boot_id,
  argMaxState(CAST(windows.agent_version, 'String'), window_end) AS agent_version,
  argMaxState(windows.window_last, window_end) AS window_last,
  argMaxState(windows.clock_offset_ms, window_end) AS clock_offset_ms,
  argMaxState(windows.clock_correction_ms, window_end) AS clock_correction_ms
FROM {windows:Table} AS windows
GROUP BY host_name, environment, agent_instance
