-- Tells nodes what windows of some hours say, once more: it is the same however often it is told.
INSERT INTO nodes
(
  host_name, environment, agent_instance, first_seen, last_seen, agent_id, boot_id, agent_version,
  window_last, clock_offset_ms, clock_correction_ms
)
SELECT
  host_name,
  environment,
  agent_instance,
  min(windows.window_start),
  max(windows.window_end),
  argMaxState(windows.agent_id, windows.window_end),
  argMaxState(windows.boot_id, windows.window_end),
  argMaxState(CAST(windows.agent_version, 'String'), windows.window_end),
  argMaxState(windows.window_last, windows.window_end),
  argMaxState(windows.clock_offset_ms, windows.window_end),
  argMaxState(windows.clock_correction_ms, windows.window_end)
FROM windows
WHERE
  host_name IN {hosts:Array(String)}
  AND windows.window_start >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
  AND windows.window_start < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
GROUP BY host_name, environment, agent_instance
