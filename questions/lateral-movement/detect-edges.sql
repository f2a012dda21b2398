-- Per step: connections to admin ports inside that came about, of edges that are at most half an hour old. An
-- edge is who called (a workload on all its nodes, else the host; of what comes in the address), whom, and at
-- which port; it is as old as its first connection in thirty days.
WITH
  [22, 23, 135, 139, 445, 2375, 2376, 3389, 5900, 5985, 5986, 6443, 10250] AS admin_ports,
  intDiv(toUnixTimestamp64Milli(window_start), {step_ms:UInt64}) AS at,
  multiIf(direction = 'ingress', source_ip, workload_name = '', host_name, workload_name) AS whose,
  toStartOfHour({from:DateTime64(3, 'UTC')}) - toIntervalHour(1) AS hours_end,
  edges AS (
    SELECT
      at AS step,
      environment, direction,
      whose AS who,
      host_name, network_namespace, workload_name, process_name, source_ip, destination_ip, destination_port,
      sum(bytes_sent) + sum(bytes_received) AS bytes
    FROM flows
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND destination_port IN admin_ports
      AND network_transport = 'tcp'
      AND connection_established
      AND workload_name != 'sonde'
      AND source_ip != destination_ip
      AND arrayExists(
        network -> isIPAddressInRange(
          toString(toIPv6OrDefault(splitByChar('/', if(direction = 'egress', destination_ip, source_ip))[1])),
          network
        ),
        [
          '::ffff:10.0.0.0/104', '::ffff:172.16.0.0/108', '::ffff:192.168.0.0/112',
          '::ffff:100.64.0.0/106', '::ffff:169.254.0.0/112', 'fc00::/7', 'fe80::/10'
        ]
      )
    GROUP BY
      step, environment, direction, who, host_name, network_namespace, workload_name, process_name,
      source_ip, destination_ip, destination_port
  ),
  -- When they were used: by the hour, and of the last hour or two by the step.
  uses AS (
    SELECT environment, direction, who, destination_ip, destination_port, groupUniqArray(used_ms) AS times
    FROM (
      SELECT
        environment, direction,
        whose AS who,
        destination_ip, destination_port,
        toUnixTimestamp64Milli(window_start) AS used_ms
      FROM flows_1h
      WHERE window_start >= {from:DateTime64(3, 'UTC')} - toIntervalDay(31)
        AND window_start < hours_end
        AND destination_port IN admin_ports
        AND network_transport = 'tcp'
        AND connection_established
        AND (environment, direction, whose, destination_ip, destination_port) IN (
          SELECT environment, direction, who, destination_ip, destination_port FROM edges
        )
      UNION ALL
      SELECT
        environment, direction,
        whose AS who,
        destination_ip, destination_port,
        toInt64(at * {step_ms:UInt64}) AS used_ms
      FROM flows
      WHERE window_start >= hours_end
        AND window_start < {to:DateTime64(3, 'UTC')}
        AND destination_port IN admin_ports
        AND network_transport = 'tcp'
        AND connection_established
        AND (environment, direction, whose, destination_ip, destination_port) IN (
          SELECT environment, direction, who, destination_ip, destination_port FROM edges
        )
    )
    GROUP BY environment, direction, who, destination_ip, destination_port
  ),
  heard AS (
    SELECT environment, host_name, toUnixTimestamp64Milli(min(first_seen)) AS heard_ms
    FROM nodes
    GROUP BY environment, host_name
  )
SELECT
  step,
  environment,
  direction,
  host_name AS `host.name`,
  workload_name AS `workload.name`,
  process_name AS `process.name`,
  source_ip AS `source.ip`,
  destination_ip AS `destination.ip`,
  toString(destination_port) AS `destination.port`,
  who,
  toString(network_namespace) AS namespace,
  bytes,
  toInt64(step * {step_ms:UInt64}) AS step_start_ms,
  step_start_ms - arrayMin(
    arrayFilter(used -> used > step_start_ms - 30 * 86400000 AND used <= step_start_ms, times)
  ) AS age_ms,
  (step_start_ms - heard_ms) / 3600000 AS heard_h
FROM edges
INNER JOIN uses USING (environment, direction, who, destination_ip, destination_port)
INNER JOIN heard USING (environment, host_name)
WHERE age_ms <= 1800000
ORDER BY
  step, environment, direction, host_name, workload_name, process_name, source_ip, destination_ip,
  destination_port, namespace
