-- One row per process and destination that it opened connections to, those with the most of them first.
WITH
  intDiv(
    toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
    {bucket_ms:UInt64}
  ) AS bucket,
  sumMap(map(bucket, connections_opened)) AS opened_by_bucket
SELECT
  process_name AS `process.name`,
  host_name AS `host.name`,
  destination_ip AS `destination.ip`,
  destination_port AS `destination.port`,
  topKWeighted(1)(toString(connection_state), connections_opened)[1] AS `connection.state`,
  sum(connections_opened) AS `connections.opened`,
  arrayMap(i -> opened_by_bucket[i], range({buckets:UInt64})) AS over_time,
  sum(latency_sum_ms) / nullIf(sum(latency_count), 0) AS latency_ms,
  environment
FROM {flows:Identifier}
WHERE window_start >= {from:DateTime64(3, 'UTC')}
  AND window_start < {to:DateTime64(3, 'UTC')}
  AND {host:String} IN ('', host_name)
  AND {environment:String} IN ('', environment)
  AND ({own:Bool} OR workload_name != 'sonde')
  AND process_name LIKE {process:String}
  AND direction = 'egress'
GROUP BY host_name, environment, process_name, destination_ip, destination_port
HAVING `connections.opened` >= {min:UInt64}
ORDER BY
  `connections.opened` DESC, `destination.ip`, `destination.port`, `process.name`, `host.name`, environment
LIMIT {limit:UInt32}
