-- One row per finding: a source that scans, a new edge to an admin port, or such an edge that its host opened
-- soon after it had got one itself. A source is a process on a host; of what comes in it is an address.
WITH
  toStartOfHour({from:DateTime64(3, 'UTC')} - toIntervalMillisecond({history:UInt64})) AS history_start,
  connection_state IN ('refused', 'timed_out', 'unreachable', 'canceled') AND NOT connection_established
    AS is_failure,
  if(direction = 'egress', host_name, '') AS by_host,
  if(direction = 'egress', workload_name, '') AS by_workload,
  if(direction = 'egress', process_name, '') AS by_process,
  -- Of 64 bits, as sets of these are a third of the work; two in some million are never the same. Of what has
  -- few values each value is hashed once, not each row.
  if(direction = 'egress', cityHash64(host_name), 0) AS host_key,
  if(direction = 'egress', cityHash64(workload_name), 0) AS workload_key,
  if(direction = 'egress', cityHash64(process_name), 0) AS process_key,
  cityHash64(
    cityHash64(environment), cityHash64(direction), host_key, workload_key, process_key, source_ip
  ) AS source_key,
  cityHash64(
    cityHash64(environment), cityHash64(direction), host_key, process_key, source_ip, destination_ip,
    destination_port
  ) AS contact_key,
  cityHash64(
    cityHash64(environment), cityHash64(host_name), cityHash64(direction), cityHash64(process_name),
    source_ip, destination_ip, destination_port
  ) AS edge_key,
  intDiv(
    toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
    {bucket_ms:UInt64}
  ) AS bucket,
  -- What failed goes before what is newer.
  toUnixTimestamp64Milli(window_start) + if(is_failure, 1e15, 0) AS age,
  [22, 23, 135, 139, 445, 2375, 2376, 3389, 5900, 5985, 5986, 6443, 10250] AS admin_ports,
  -- As mapped into IPv6: private (RFC 1918, RFC 6598) and link local, the first address and the last.
  arrayMap(
    ends -> (toIPv6(ends.1), toIPv6(ends.2)),
    [
      ('::ffff:10.0.0.0', '::ffff:10.255.255.255'), ('::ffff:172.16.0.0', '::ffff:172.31.255.255'),
      ('::ffff:192.168.0.0', '::ffff:192.168.255.255'), ('::ffff:100.64.0.0', '::ffff:100.127.255.255'),
      ('::ffff:169.254.0.0', '::ffff:169.254.255.255'),
      ('fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'),
      ('fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff')
    ]
  ) AS private_networks,
  -- Nodes that were there a day before the range: what is new on these is new.
  watched AS (
    SELECT host_name
    FROM nodes_now
    GROUP BY host_name
    HAVING min(first_seen) <= {from:DateTime64(3, 'UTC')} - toIntervalHour(24)
  ),
  -- Few have that many failures in the range: only of these is the history looked at.
  suspects AS (
    SELECT source_key
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {only:String} IN ('any', 'scan')
      AND is_failure
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND {direction:String} IN ('any', direction)
      AND (direction = 'egress' OR source_ip NOT IN ('', '::1', '0.0.0.0/0', '::/0'))
      AND NOT startsWith(source_ip, '127.')
    GROUP BY source_key
    HAVING uniqExact(destination_ip, destination_port) >= {min:UInt64}
  ),
  -- Before the range, in whole hours, then whole minutes, then what is left up to its start. Three sets, not
  -- one of all: that a cluster refuses.
  contacts_in_hours AS (
    SELECT DISTINCT contact_key
    FROM flows_1h
    WHERE window_start >= history_start
      AND window_start < toStartOfHour({from:DateTime64(3, 'UTC')})
      AND source_key IN suspects
  ),
  contacts_in_minutes AS (
    SELECT DISTINCT contact_key
    FROM {flows_sums:Identifier}
    WHERE window_start >= toStartOfHour({from:DateTime64(3, 'UTC')})
      AND window_start < toStartOfMinute({from:DateTime64(3, 'UTC')})
      AND source_key IN suspects
  ),
  contacts_since AS (
    SELECT DISTINCT contact_key
    FROM {flows:Identifier}
    WHERE window_start >= toStartOfMinute({from:DateTime64(3, 'UTC')})
      AND window_start < {from:DateTime64(3, 'UTC')}
      AND source_key IN suspects
  ),
  contacts AS (
    SELECT
      environment, direction, by_host, by_workload, by_process, source_ip, destination_ip, destination_port,
      cityHash64(
        cityHash64(environment), cityHash64(direction), if(direction = 'egress', cityHash64(by_host), 0),
        if(direction = 'egress', cityHash64(by_process), 0), source_ip, destination_ip, destination_port
      ) AS key_of_contact,
      max(connection_established) AS is_reached,
      min(bucket) AS first_bucket,
      (
        max(age), (argMax(connection_state, age), argMax(host_name, age), argMax(process_name, age))
      ) AS newest,
      max(host_name IN watched) AS is_watched,
      sum(connections_opened) + sumIf(resets_sent, direction = 'ingress' AND is_failure) AS tries,
      sum(connections_established) AS established,
      sum(latency_sum_ms) AS latency_sum,
      sum(latency_count) AS latencies,
      sum(bytes_sent) AS sent,
      sum(bytes_received) AS received,
      min(window_start) AS first_start,
      max(window_start) AS last_start
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {host:String} IN ('', host_name)
      AND process_name LIKE {process:String}
      AND toIPv6OrDefault(splitByChar('/', destination_ip)[1])
        BETWEEN {destination_first:IPv6} AND {destination_last:IPv6}
      AND {port:UInt16} IN (0, destination_port)
      AND source_key IN suspects
    GROUP BY
      environment, direction, by_host, by_workload, by_process, source_ip, destination_ip, destination_port
    -- In one: what is about keys alone would be asked of every row.
    HAVING if(
      is_reached OR max(is_failure),
      key_of_contact NOT IN contacts_in_hours
        AND key_of_contact NOT IN contacts_in_minutes
        AND key_of_contact NOT IN contacts_since,
      false
    )
  ),
  -- The walk of Jung and others: a first contact that fails multiplies the odds of a scanner by four, one
  -- that is answered divides them; it begins again where the odds fall to even. One step is one bucket.
  walked AS (
    SELECT
      environment, direction, by_host, by_workload, by_process, source_ip,
      sumMap(map(first_bucket, toUInt64(NOT is_reached))) AS failed_by_bucket,
      sumMap(map(first_bucket, if(is_reached, -1, 1))) AS steps_by_bucket,
      arrayFold(
        (odds, step) -> (greatest(0., odds.1 + step), greatest(odds.2, odds.1 + step)),
        arrayMap(steps -> steps * log(4), mapValues(steps_by_bucket)),
        (toFloat64(0), toFloat64(0))
      ).2 AS statistic,
      countIf(NOT is_reached) AS contacts_failed,
      countIf(is_reached) AS contacts_reached,
      uniqExact(destination_ip) AS destinations,
      uniqExact(destination_port) AS ports,
      max((newest, destination_ip, destination_port)) AS last_contact,
      max(is_watched) AS is_armed,
      sum(tries) AS attempts,
      sum(established) AS came_about,
      sum(latency_sum) / nullIf(sum(latencies), 0) AS latency_mean_ms,
      sum(sent) AS sent,
      sum(received) AS received,
      min(first_start) AS first_start,
      max(last_start) AS last_start
    FROM contacts
    GROUP BY environment, direction, by_host, by_workload, by_process, source_ip
    HAVING statistic >= log(99) AND contacts_failed >= {min:UInt64}
  ),
  edges_in_hours AS (
    SELECT DISTINCT edge_key
    FROM flows_1h
    WHERE window_start >= history_start
      AND window_start < toStartOfHour({from:DateTime64(3, 'UTC')})
      AND destination_port IN admin_ports
      AND network_transport = 'tcp'
  ),
  edges_since AS (
    SELECT DISTINCT edge_key
    FROM {flows:Identifier}
    WHERE window_start >= toStartOfHour({from:DateTime64(3, 'UTC')})
      AND window_start < {from:DateTime64(3, 'UTC')}
      AND destination_port IN admin_ports
      AND network_transport = 'tcp'
  ),
  edges AS (
    SELECT
      environment, host_name, network_namespace, direction, workload_name, process_name, source_ip,
      destination_ip, destination_port,
      max((window_start, connection_state)).2 AS state,
      sum(connections_opened) AS attempts,
      sum(connections_established) AS came_about,
      sum(latency_sum_ms) / nullIf(sum(latency_count), 0) AS latency_mean_ms,
      sum(bytes_sent) AS sent,
      sum(bytes_received) AS received,
      sumMap(map(bucket, connections_opened)) AS by_bucket,
      min(window_start) AS first_start,
      max(window_start) AS last_start
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {only:String} != 'scan'
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND destination_port IN admin_ports
      AND network_transport = 'tcp'
    GROUP BY
      environment, host_name, network_namespace, direction, workload_name, process_name, source_ip,
      destination_ip, destination_port
    -- In one: what is about keys alone would be asked of every row.
    HAVING if(
        came_about > 0,
        NOT {inside:Bool} OR arrayExists(
          network -> toIPv6OrDefault(
            splitByChar('/', if(direction = 'egress', destination_ip, source_ip))[1]
          ) BETWEEN network.1 AND network.2,
          private_networks
        ),
        false
      )
      AND edge_key NOT IN edges_in_hours
      AND edge_key NOT IN edges_since
  ),
  -- What a host opened, with the newest edge that it had got itself in the half hour before; a network
  -- namespace is a host of its own, as a pod's is.
  steps AS (
    SELECT
      *,
      argMaxIf(
        (source_ip, destination_ip, destination_port, process_name), first_start, direction = 'ingress'
      ) OVER (
        PARTITION BY environment, host_name, network_namespace
        ORDER BY toUnixTimestamp(first_start)
        RANGE BETWEEN 1800 PRECEDING AND CURRENT ROW
      ) AS had,
      -- Of a connection to itself a host has both ends; one back to where it came from goes nowhere.
      direction = 'egress'
        AND had.3 != 0
        AND (had.2, had.3) != (destination_ip, destination_port)
        AND had.1 != destination_ip AS is_chain
    FROM edges
  ),
  findings AS (
    SELECT
      'scan' AS finding,
      2 AS tier,
      statistic AS weight,
      environment, direction,
      by_workload AS workload,
      if(direction = 'egress', by_process, last_contact.1.2.3) AS process,
      last_contact.1.2.2 AS host,
      source_ip AS source,
      last_contact.2 AS destination,
      last_contact.3 AS port,
      last_contact.1.2.1 AS state,
      multiIf(destinations = 1, 'vertical', ports = 1, 'horizontal', 'block') AS shape,
      CAST(statistic, 'Nullable(Float64)') AS odds,
      toNullable(contacts_failed) AS failed,
      toNullable(contacts_reached) AS reached,
      destinations, ports, attempts, came_about, latency_mean_ms, sent, received,
      failed_by_bucket AS by_bucket,
      '' AS path,
      is_armed = 1 AS is_armed,
      first_start, last_start
    FROM walked
    UNION ALL
    SELECT
      if(is_chain, 'chain', 'admin_edge') AS finding,
      if(is_chain, 3, 1) AS tier,
      toFloat64(toUnixTimestamp(first_start)) AS weight,
      environment, direction,
      workload_name AS workload,
      process_name AS process,
      host_name AS host,
      source_ip AS source,
      destination_ip AS destination,
      destination_port AS port,
      state,
      '' AS shape,
      NULL AS odds,
      NULL AS failed,
      NULL AS reached,
      1 AS destinations, 1 AS ports,
      attempts, came_about, latency_mean_ms, sent, received,
      by_bucket,
      if(
        is_chain,
        concat(
          had.1, ' → ', had.2, ':', toString(had.3), ' ', had.4,
          ' → ', destination_ip, ':', toString(destination_port)
        ),
        ''
      ) AS path,
      host_name IN watched AS is_armed,
      first_start, last_start
    FROM steps
    WHERE process_name LIKE {process:String}
      AND toIPv6OrDefault(splitByChar('/', destination_ip)[1])
        BETWEEN {destination_first:IPv6} AND {destination_last:IPv6}
      AND {port:UInt16} IN (0, destination_port)
      AND {direction:String} IN ('any', direction)
  )
SELECT
  finding,
  process AS `process.name`,
  host AS `host.name`,
  direction,
  nullIf(source, '') AS `source.ip`,
  destination AS `destination.ip`,
  port AS `destination.port`,
  state AS `connection.state`,
  nullIf(shape, '') AS shape,
  nullIf(path, '') AS path,
  odds AS statistic,
  failed AS `contacts.failed`,
  reached AS `contacts.answered`,
  failed / (failed + reached) AS share,
  destinations,
  ports,
  arrayMap(i -> by_bucket[i], range({buckets:UInt64})) AS over_time,
  first_start AS first_seen,
  last_start AS last_seen,
  if(is_armed, 'armed', 'learning') AS baseline,
  attempts AS `connections.opened`,
  came_about AS `connections.established`,
  sent AS `bytes.sent`,
  received AS `bytes.received`,
  latency_mean_ms AS latency_ms,
  workload AS `workload.name`,
  environment
FROM findings
WHERE {only:String} IN ('any', finding)
ORDER BY
  tier DESC, weight DESC, last_start DESC, `process.name`, `host.name`, `source.ip`, `destination.ip`,
  `destination.port`, direction, environment, workload
LIMIT {limit:UInt32}
