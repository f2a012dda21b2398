-- Connections by bucket of the range and how they stand, from sums per minute or hour.
SELECT
  connection_state AS state,
  intDiv(
    toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
    {bucket_ms:UInt64}
  ) AS bucket,
  sum(connections_opened) AS opened,
  sum(connections_ended) AS ended
FROM {flows:Identifier}
WHERE window_start >= {from:DateTime64(3, 'UTC')}
  AND window_start < {to:DateTime64(3, 'UTC')}
  AND {host:String} IN ('', host_name)
  AND {environment:String} IN ('', environment)
  AND ({own:Bool} OR workload_name != 'sonde')
GROUP BY state, bucket
