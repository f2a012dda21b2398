-- Tells what flows of some hours say of the other end, once more: it is the same however often it is told.
INSERT INTO names_1h
(window_start, environment, process_name, direction, destination_ip, destination_port, told)
SELECT
  toDateTime64(toStartOfHour(flows.window_start), 3, 'UTC') AS hour,
  environment, process_name, direction, destination_ip, destination_port,
  max((
    destination_name != '', flows.window_start, destination_name,
    CAST(destination_name_source, 'String'), CAST(destination_scope, 'String'),
    CAST(destination_as_org, 'String')
  ))
FROM flows
WHERE
  host_name IN {hosts:Array(String)}
  AND flows.window_start >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
  AND flows.window_start < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
  AND (destination_name != '' OR destination_as_org != '')
GROUP BY hour, environment, process_name, direction, destination_ip, destination_port
