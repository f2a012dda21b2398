-- One row per caller and destination that timed out. A latency is the upper bound of its histogram's bucket.
WITH
  connection_state = 'timed_out' AS is_timeout,
  sumMapIf(latency_histogram, connection_established) AS answers,
  arrayCumSum(mapValues(answers)) AS answers_up_to,
  intDiv(
    toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
    {bucket_ms:UInt64}
  ) AS bucket,
  sumMapIf(map(bucket, connections_ended), is_timeout) AS timed_out_by_bucket
SELECT
  process_name AS `process.name`,
  host_name AS `host.name`,
  destination_ip AS `destination.ip`,
  destination_port AS `destination.port`,
  sumIf(connections_ended, is_timeout) AS timed_out,
  sum(connections_ended) AS attempts,
  timed_out / attempts AS share,
  arrayMap(i -> timed_out_by_bucket[i], range({buckets:UInt64})) AS over_time,
  minIf(window_start, is_timeout AND connections_ended > 0) AS first_seen,
  maxIf(window_start, is_timeout AND connections_ended > 0) AS last_seen,
  sumIf(latency_sum_ms, is_timeout) / nullIf(sumIf(latency_count, is_timeout), 0) AS latency_ms,
  if(
    empty(answers_up_to),
    NULL,
    mapKeys(answers)[arrayFirstIndex(n -> n >= 0.95 * answers_up_to[-1], answers_up_to)] / 1000
  ) AS `latency.p95_ms`,
  sumIf(timeouts_by_application, is_timeout) AS `timeouts.by_application`,
  timed_out - `timeouts.by_application` AS `timeouts.by_kernel`,
  direction,
  'timed_out' AS `connection.state`,
  environment
FROM {flows:Identifier}
WHERE window_start >= {from:DateTime64(3, 'UTC')}
  AND window_start < {to:DateTime64(3, 'UTC')}
  AND {host:String} IN ('', host_name)
  AND {environment:String} IN ('', environment)
  AND ({own:Bool} OR workload_name != 'sonde')
  AND process_name LIKE {process:String}
  AND toIPv6OrDefault(splitByChar('/', destination_ip)[1])
    BETWEEN {destination_first:IPv6} AND {destination_last:IPv6}
  AND {port:UInt16} IN (0, destination_port)
  AND {direction:String} IN ('any', direction)
GROUP BY host_name, environment, process_name, direction, destination_ip, destination_port
HAVING timed_out >= {min:UInt64}
ORDER BY
  timed_out DESC, share DESC, `destination.ip`, `destination.port`, `process.name`, `host.name`, environment
LIMIT {limit:UInt32}
