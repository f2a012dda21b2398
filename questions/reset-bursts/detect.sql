-- Per step, destination, end that saw it and side that sent resets: x resets of n that ended. A client counts
-- with three resets at most: one that dies is no burst. What the cap leaves out is left out of n, too.
WITH
  clients AS (
    SELECT
      intDiv(toUnixTimestamp64Milli(window_start), {step_ms:UInt64}) AS step,
      environment, direction, destination_ip, destination_port,
      host_name, workload_name, process_name, network_namespace, source_ip,
      sumIf(least(resets_sent, connections_ended), connection_state = 'reset') AS by_this_end,
      sumIf(connections_ended, connection_state = 'reset') - by_this_end AS by_the_other,
      sum(connections_ended) AS ended
    FROM flows
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND connections_ended > 0
      AND (connection_established OR connection_state = 'reset')
      AND network_transport != 'udp'
      AND workload_name != 'sonde'
    GROUP BY
      step, environment, direction, destination_ip, destination_port,
      host_name, workload_name, process_name, network_namespace, source_ip
  )
SELECT
  step,
  environment,
  direction,
  destination_ip AS `destination.ip`,
  toString(destination_port) AS `destination.port`,
  side.1 AS `reset.side`,
  sum(least(side.2, 3)) AS x,
  sum(ended - side.2 + least(side.2, 3)) AS n,
  countIf(side.2 > 0) AS clients
FROM clients
ARRAY JOIN [('local', toUInt64(by_this_end)), ('remote', toUInt64(by_the_other))] AS side
GROUP BY step, environment, direction, destination_ip, destination_port, side.1
ORDER BY step, environment, direction, destination_ip, destination_port, side.1
