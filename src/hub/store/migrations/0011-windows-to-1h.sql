CREATE MATERIALIZED VIEW IF NOT EXISTS windows_to_1h TO {windows_1h:Table} AS
SELECT
  toDateTime64(toStartOfHour(windows.window_start), 3, 'UTC') AS window_start,
  host_name,
  environment,
  agent_instance,
  sum(windows.window_ms) AS window_ms,
  sum(windows.attributed) AS attributed,
  sum(windows.attributable) AS attributable,
  sum(windows.coverage_seen) AS coverage_seen,
  sum(windows.coverage_kernel) AS coverage_kernel,
  sum(windows.connections_opened) AS connections_opened,
  sum(windows.connections_ended) AS connections_ended,
  sum(windows.window_records) AS window_records,
  sum(windows.windows) AS windows,
  max(windows.coverage_unreachable) AS coverage_unreachable
FROM {windows_1m:Table} AS windows
GROUP BY window_start, host_name, environment, agent_instance
