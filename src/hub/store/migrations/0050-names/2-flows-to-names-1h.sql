CREATE MATERIALIZED VIEW IF NOT EXISTS flows_to_names_1h TO {names_1h:Table} AS
SELECT
  toDateTime64(toStartOfHour(flows.window_start), 3, 'UTC') AS window_start,
  environment, process_name, direction, destination_ip, destination_port,
  max((
    destination_name != '', flows.window_start, destination_name,
    CAST(destination_name_source, 'String'), CAST(destination_scope, 'String'),
    CAST(destination_as_org, 'String')
  )) AS told
FROM {flows:Table} AS flows
WHERE destination_name != '' OR destination_as_org != ''
GROUP BY window_start, environment, process_name, direction, destination_ip, destination_port
