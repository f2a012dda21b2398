-- Adds what windows_1m lack of windows, in whole hours and for some nodes; a row too much is taken
-- back, as sums of UInt64 wrap around. Run again it adds nothing. Nobody else may write these meanwhile.
INSERT INTO windows_1m
(
  window_start, host_name, environment, agent_instance, coverage_unreachable,
  window_ms, attributed, attributable, coverage_seen, coverage_kernel,
  connections_opened, connections_ended, window_records, windows
)
SELECT
  bucket,
  host_name, environment, agent_instance,
  max(seen_unreachable),
  sum(lack_window_ms) AS total_window_ms,
  sum(lack_attributed) AS total_attributed,
  sum(lack_attributable) AS total_attributable,
  sum(lack_coverage_seen) AS total_coverage_seen,
  sum(lack_coverage_kernel) AS total_coverage_kernel,
  sum(lack_connections_opened) AS total_connections_opened,
  sum(lack_connections_ended) AS total_connections_ended,
  sum(lack_window_records) AS total_window_records,
  sum(lack_windows) AS total_windows
FROM
(
  SELECT
    toDateTime64(toStartOfMinute(window_start), 3, 'UTC') AS bucket,
    host_name, environment, agent_instance,
    coverage_unreachable AS seen_unreachable,
    window_ms AS lack_window_ms,
    attributed AS lack_attributed,
    attributable AS lack_attributable,
    coverage_seen AS lack_coverage_seen,
    coverage_kernel AS lack_coverage_kernel,
    connections_opened AS lack_connections_opened,
    connections_ended AS lack_connections_ended,
    window_records AS lack_window_records,
    toUInt64(1) AS lack_windows
  FROM windows
  WHERE
    host_name IN {hosts:Array(String)}
    AND window_start >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
    AND window_start < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
  UNION ALL
  SELECT
    window_start,
    host_name, environment, agent_instance,
    coverage_unreachable,
    toUInt64(0 - window_ms),
    toUInt64(0 - attributed),
    toUInt64(0 - attributable),
    toUInt64(0 - coverage_seen),
    toUInt64(0 - coverage_kernel),
    toUInt64(0 - connections_opened),
    toUInt64(0 - connections_ended),
    toUInt64(0 - window_records),
    toUInt64(0 - windows)
  FROM windows_1m
  WHERE
    host_name IN {hosts:Array(String)}
    AND window_start >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
    AND window_start < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
)
GROUP BY bucket, host_name, environment, agent_instance
HAVING
  total_window_ms != 0
  OR total_attributed != 0
  OR total_attributable != 0
  OR total_coverage_seen != 0
  OR total_coverage_kernel != 0
  OR total_connections_opened != 0
  OR total_connections_ended != 0
  OR total_window_records != 0
  OR total_windows != 0
