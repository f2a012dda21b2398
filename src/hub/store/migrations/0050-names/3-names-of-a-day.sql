-- Of the day that is stored already; who upgrades should not wait for names to come again.
INSERT INTO {names_1h:Table}
SELECT
  toDateTime64(toStartOfHour(flows.window_start), 3, 'UTC') AS window_start,
  environment, process_name, direction, destination_ip, destination_port,
  max((
    destination_name != '', flows.window_start, destination_name,
    CAST(destination_name_source, 'String'), CAST(destination_scope, 'String'),
    CAST(destination_as_org, 'String')
  )) AS told
FROM {flows:Table} AS flows
WHERE flows.window_start >= now() - INTERVAL 1 DAY
  AND (destination_name != '' OR destination_as_org != '')
GROUP BY window_start, environment, process_name, direction, destination_ip, destination_port
