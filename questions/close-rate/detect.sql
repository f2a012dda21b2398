-- Per step, process and port: connections that ended after they were established, on all nodes together.
SELECT
  intDiv(toUnixTimestamp64Milli(window_start), {step_ms:UInt64}) AS step,
  environment,
  workload_name AS `workload.name`,
  process_name AS `process.name`,
  direction,
  toString(destination_port) AS `destination.port`,
  sum(connections_ended) AS closes,
  -- What a deployment is known by.
  arrayStringConcat(
    arraySlice(arraySort(groupUniqArrayIf(container_image, container_image != '')), 1, 8),
    ' '
  ) AS images
FROM flows
WHERE window_start >= {from:DateTime64(3, 'UTC')}
  AND window_start < {to:DateTime64(3, 'UTC')}
  AND network_transport != 'udp'
  AND connection_established
  AND connections_ended > 0
  AND workload_name != 'sonde'
GROUP BY step, environment, workload_name, process_name, direction, destination_port
ORDER BY step, environment, workload_name, process_name, direction, destination_port
