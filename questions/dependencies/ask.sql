-- One row per workload, process, port and what is depended on: a name, or an address that has none. First
-- which rows, from few columns; then, for those only, what else there is to say. A name is the newest that an
-- address had in the hours of the range.
WITH
  toStartOfHour({from:DateTime64(3, 'UTC')} - toIntervalMillisecond({history:UInt64})) AS history_start,
  -- Whole minutes are summed up already.
  toStartOfHour({from:DateTime64(3, 'UTC')}) AS hour_of_from,
  toStartOfMinute({from:DateTime64(3, 'UTC')}) AS minute_of_from,
  toStartOfMinute({from:DateTime64(3, 'UTC')} + toIntervalMillisecond(59999)) AS minutes_from,
  toStartOfMinute({to:DateTime64(3, 'UTC')}) AS minutes_to,
  -- Of 64 bits: groups and sets of these are a third of the work, and two of some million are never the same.
  -- Of what has few values each value is hashed once, not each row.
  cityHash64(environment) + 3 * cityHash64(workload_name) + 5 * cityHash64(process_name)
    + 7 * cityHash64(destination_ip, destination_port) AS edge_key,
  named AS (
    SELECT
      environment, process_name, destination_ip, destination_port,
      max(told) AS newest_told,
      newest_told.name AS name,
      newest_told.source AS name_source,
      newest_told.scope AS name_scope
    FROM names_1h
    WHERE window_start >= toStartOfHour({from:DateTime64(3, 'UTC')})
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {environment:String} IN ('', environment)
      AND direction = 'egress'
      AND process_name LIKE {process:String}
    GROUP BY environment, process_name, destination_ip, destination_port
    HAVING name != ''
  ),
  -- Whoever has been heard that long can have something new.
  watched AS (
    SELECT host_name
    FROM nodes_now
    GROUP BY host_name
    HAVING min(first_seen) <= {from:DateTime64(3, 'UTC')} - toIntervalHour(1)
  ),
  edges AS (
    SELECT
      environment, workload_name, process_name, destination_ip, destination_port,
      sum(begun) AS used,
      sum(over) AS ended,
      sumIf(over, connection_state IN ('refused', 'timed_out', 'unreachable', 'failed')) AS failed,
      max(host_name IN watched) AS is_watched,
      any(edge_key) AS key
    FROM (
      SELECT
        environment, workload_name, process_name, destination_ip, destination_port, host_name, direction,
        connection_state, connections_opened + connections_adopted AS begun, connections_ended AS over
      FROM {flows_sums:Identifier}
      WHERE window_start >= minutes_from AND window_start < minutes_to
      UNION ALL
      SELECT
        environment, workload_name, process_name, destination_ip, destination_port, host_name, direction,
        connection_state, connections_opened + connections_adopted AS begun, connections_ended AS over
      FROM {flows:Identifier}
      WHERE window_start >= {from:DateTime64(3, 'UTC')}
        AND window_start < {to:DateTime64(3, 'UTC')}
        AND (window_start < minutes_from OR window_start >= minutes_to)
    )
    WHERE {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND direction = 'egress'
      AND process_name LIKE {process:String}
      AND {port:UInt16} IN (0, destination_port)
    GROUP BY environment, workload_name, process_name, destination_ip, destination_port
  ),
  -- Before the range, in whole hours, then whole minutes, then what is left up to its start.
  known_edges AS (
    SELECT edge_key AS key, min(window_start) AS edge_start
    FROM (
      SELECT
        environment, workload_name, process_name, destination_ip, destination_port, direction, window_start
      FROM flows_1h
      WHERE window_start >= history_start AND window_start < hour_of_from
      UNION ALL
      SELECT
        environment, workload_name, process_name, destination_ip, destination_port, direction, window_start
      FROM {flows_sums:Identifier}
      WHERE window_start >= hour_of_from AND window_start < minute_of_from
      UNION ALL
      SELECT
        environment, workload_name, process_name, destination_ip, destination_port, direction, window_start
      FROM {flows:Identifier}
      WHERE window_start >= minute_of_from AND window_start < {from:DateTime64(3, 'UTC')}
    )
    WHERE {environment:String} IN ('', environment)
      AND direction = 'egress'
      AND process_name LIKE {process:String}
    GROUP BY edge_key
  ),
  -- Of each process, and under no process at all of everybody: a resolver daemon asks for others.
  known_names AS (
    SELECT environment, workload_name, process_name, dependency, min(start) AS name_start
    FROM (
      SELECT
        environment, workload_name, process_name, dns_question_name AS dependency, window_start AS start
      FROM dns_1h
      WHERE window_start >= history_start
        AND window_start < hour_of_from
        AND {environment:String} IN ('', environment)
        AND direction = 'egress'
      UNION ALL
      SELECT
        environment, workload_name, process_name, dns_question_name AS dependency, window_start AS start
      FROM {dns:Identifier}
      WHERE window_start >= hour_of_from
        AND window_start < {from:DateTime64(3, 'UTC')}
        AND {environment:String} IN ('', environment)
        AND direction = 'egress'
    )
    GROUP BY GROUPING SETS (
      (environment, workload_name, process_name, dependency),
      (environment, dependency)
    )
  ),
  -- A resolver tries a short name with each domain of its search list: that one of them does not exist
  -- says nothing, where the name itself does, or under another domain of the cluster.
  searched AS (
    SELECT environment, workload_name, process_name, dns_question_name
    FROM (
      SELECT DISTINCT
        environment, workload_name, process_name, dns_question_name,
        splitByChar('.', dns_question_name) AS parts,
        arrayJoin(range(1, least(length(parts), 12))) AS kept,
        arrayJoin(if(
          endsWith(dns_question_name, '.cluster.local'), ['', '.svc.cluster.local', '.cluster.local'], ['']
        )) AS domain,
        concat(arrayStringConcat(arraySlice(parts, 1, kept), '.'), domain) AS meant
      FROM {dns:Identifier}
      WHERE window_start >= {from:DateTime64(3, 'UTC')}
        AND window_start < {to:DateTime64(3, 'UTC')}
        AND direction = 'egress'
        AND dns_rcode = 'NXDOMAIN'
    )
    WHERE (environment, workload_name, process_name, meant) IN (
      SELECT environment, workload_name, process_name, dns_question_name
      FROM {dns:Identifier}
      WHERE window_start >= {from:DateTime64(3, 'UTC')}
        AND window_start < {to:DateTime64(3, 'UTC')}
        AND direction = 'egress'
        AND dns_rcode = 'NOERROR'
    )
  ),
  lookups AS (
    SELECT
      environment, workload_name, process_name, dns_question_name AS dependency,
      sum(dns_lookups) AS asked,
      sumIf(dns_lookups, dns_rcode = 'unanswered') AS unanswered,
      sumIf(dns_lookups, dns_rcode NOT IN ('NOERROR', 'unanswered')) AS denied,
      -- What failed goes before what is newer.
      argMax(
        (destination_ip, host_name, dns_rcode),
        toUnixTimestamp64Milli(window_start) + if(dns_rcode = 'NOERROR', 0, 1e15)
      ) AS newest_lookup,
      sumMap(latency_histogram) AS answers,
      sumMap(map(
        intDiv(
          toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
          {bucket_ms:UInt64}
        ),
        dns_lookups
      )) AS asked_by_bucket,
      min(window_start) AS asked_first,
      max(window_start) AS asked_last,
      max(host_name IN watched) AS is_asker_watched
    FROM {dns:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND direction = 'egress'
      AND process_name LIKE {process:String}
      AND NOT (
        dns_rcode = 'NXDOMAIN'
        AND (
          dns_question_type = 'PTR'
          OR (environment, workload_name, process_name, dns_question_name) IN searched
        )
      )
    GROUP BY environment, workload_name, process_name, dns_question_name
  ),
  ports AS (
    SELECT
      environment, workload_name, process_name,
      if(name = '', destination_ip, name) AS dependency,
      destination_port AS port_used,
      any(name_source) AS port_source,
      any(name_scope) AS port_place,
      groupArray((destination_ip, key)) AS port_ends,
      sum(used) AS port_connections,
      sum(ended) AS port_over,
      sum(failed) AS port_failures,
      max(is_watched) AS is_port_watched,
      minIf(edge_start, edge_start > toDateTime64(0, 3, 'UTC')) AS known_port
    FROM edges
    LEFT JOIN named USING (environment, process_name, destination_ip, destination_port)
    LEFT JOIN known_edges USING (key)
    GROUP BY environment, workload_name, process_name, dependency, port_used
  ),
  -- Many ports of one thing, all in vain, are one row: somebody looks for something.
  uses AS (
    SELECT
      environment, workload_name, process_name, dependency,
      if(is_vain AND vain_ports > 8, 0, port_used) AS port,
      any(port_source) AS source,
      any(port_place) AS place,
      groupArrayArray(port_ends) AS ends,
      sum(port_connections) AS connections,
      sum(port_over) AS over,
      sum(port_failures) AS failures,
      max(is_port_watched) AS is_user_watched,
      minIf(known_port, known_port > toDateTime64(0, 3, 'UTC')) AS known_edge
    FROM (
      SELECT
        *,
        port_failures > 0 AND port_failures = port_over AS is_vain,
        countIf(is_vain) OVER (PARTITION BY environment, workload_name, process_name, dependency)
          AS vain_ports
      FROM ports
    )
    GROUP BY environment, workload_name, process_name, dependency, port
  ),
  joined AS (
    SELECT
      environment, workload_name, process_name, dependency, port, source, place, ends, connections,
      over, failures, is_user_watched, known_edge, asked, unanswered, denied, newest_lookup,
      answers, asked_by_bucket, asked_first, asked_last, is_asker_watched,
      if(source = 'dns_node', '', workload_name) AS asking_workload,
      if(source = 'dns_node', '', process_name) AS asking_process
    FROM uses
    FULL JOIN lookups USING (environment, workload_name, process_name, dependency)
    WHERE dependency LIKE {name:String}
      AND workload_name LIKE {workload:String}
      AND ({port:UInt16} = 0 OR notEmpty(ends))
  ),
  -- The rows that are told, worked out once: what else there is to say is looked for of these only.
  (
    SELECT groupArray((
      environment, workload_name, process_name, dependency, port, ends, found, tier, weight, is_new, place,
      known_first, connections, over, failures, asked, denied, unanswered, newest_lookup, answers,
      asked_by_bucket, asked_first, asked_last
    ))
    FROM (
      SELECT
        joined.environment AS environment,
        joined.workload_name AS workload_name,
        joined.process_name AS process_name,
        joined.dependency AS dependency,
        port,
        source, place, ends, connections, over, failures, asked, unanswered, denied, newest_lookup,
        answers, asked_by_bucket, asked_first, asked_last,
        arrayMin(arrayFilter(start -> start > toDateTime64(0, 3, 'UTC'), [known_edge, name_start]))
          AS known_first,
        multiIf(
          known_first > toDateTime64(0, 3, 'UTC'), 'no',
          is_user_watched OR is_asker_watched, 'yes',
          NULL
        ) AS is_new,
        -- One failure in a hundred is a failing dependency; of those the one that fails often and mostly
        -- comes first.
        failures >= 0.01 * greatest(over, 1) AS connections_fail,
        denied + unanswered >= 0.01 * greatest(asked, 1) AS lookups_fail,
        multiIf(
          connections_fail AND failures >= denied + unanswered, 'connections_failed',
          lookups_fail AND unanswered >= denied, 'lookups_unanswered',
          lookups_fail, 'lookups_failed',
          connections_fail, 'connections_failed',
          is_new = 'yes', 'new',
          'in_use'
        ) AS found,
        multiIf(connections_fail OR lookups_fail, 2, found = 'new', 1, 0) AS tier,
        if(
          tier = 2,
          failures * failures / greatest(over, 1)
            + (denied + unanswered) * (denied + unanswered) / greatest(asked, 1),
          toFloat64(connections)
        ) AS weight
      FROM joined
      LEFT JOIN known_names
        ON joined.environment = known_names.environment
        AND asking_workload = known_names.workload_name
        AND asking_process = known_names.process_name
        AND joined.dependency = known_names.dependency
      WHERE {only:String} = 'any'
        OR ({only:String} = 'failing' AND tier = 2)
        OR ({only:String} = 'new' AND is_new = 'yes')
      ORDER BY
        tier DESC, weight DESC, asked DESC, dependency, port, process_name, workload_name, environment
      LIMIT {limit:UInt32}
    )
  ) AS chosen,
  answer AS (
    SELECT
      number, row.1 AS environment, row.2 AS workload_name, row.3 AS process_name, row.4 AS dependency,
      row.5 AS port, row.6 AS ends, row.7 AS finding, row.8 AS tier, row.9 AS weight, row.10 AS is_new,
      row.11 AS place, row.12 AS known_first, row.13 AS connections, row.14 AS over, row.15 AS failures,
      row.16 AS asked, row.17 AS denied, row.18 AS unanswered, row.19 AS newest_lookup, row.20 AS answers,
      row.21 AS asked_by_bucket, row.22 AS asked_first, row.23 AS asked_last,
      arrayCumSum(mapValues(answers)) AS answers_up_to
    FROM (SELECT 1)
    ARRAY JOIN chosen AS row, arrayEnumerate(chosen) AS number
  ),
  details AS (
    WITH connection_state IN ('refused', 'timed_out', 'unreachable', 'failed') AS is_failure
    SELECT
      edge_key AS key,
      max((is_failure AND connections_ended > 0, window_start, connection_state, host_name)) AS newest,
      groupUniqArray(host_name) AS hosts,
      sum(latency_sum_ms) AS latency_sum,
      sum(latency_count) AS latencies,
      min(window_start) AS start_first,
      max(window_start) AS start_last,
      sumMap(map(
        intDiv(
          toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
          {bucket_ms:UInt64}
        ),
        connections_opened
      )) AS by_bucket
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {host:String} IN ('', host_name)
      AND direction = 'egress'
      AND edge_key IN (SELECT arrayJoin(ends).2 FROM answer)
    GROUP BY edge_key
  ),
  told AS (
    SELECT
      number,
      max(destination_ip != '') AS is_used,
      uniqExactIf(destination_ip, destination_ip != '') AS addresses_used,
      max((newest, destination_ip)) AS last_use,
      length(groupUniqArrayArray(hosts)) AS hosts_used,
      sum(latency_sum) AS latency_sum,
      sum(latencies) AS latencies,
      minIf(start_first, start_first > toDateTime64(0, 3, 'UTC')) AS start_first,
      max(start_last) AS start_last,
      sumMap(by_bucket) AS by_bucket
    FROM (
      SELECT number, end.1 AS destination_ip, end.2 AS key FROM answer LEFT ARRAY JOIN ends AS end
    ) AS single
    LEFT JOIN details USING (key)
    GROUP BY number
  ),
  last_use.2 AS address,
  splitByChar('/', address)[1] AS plain
SELECT
  finding,
  workload_name AS `workload.name`,
  process_name AS `process.name`,
  if(is_used, last_use.1.4, newest_lookup.2) AS `host.name`,
  dependency AS `destination.name`,
  nullIf(address, '') AS `destination.ip`,
  nullIf(port, 0) AS `destination.port`,
  multiIf(is_used, last_use.1.3, unanswered > 0, 'timed_out', 'closed') AS `connection.state`,
  connections,
  failures AS `connections.failed`,
  asked AS lookups,
  denied AS `lookups.failed`,
  unanswered AS `lookups.unanswered`,
  (failures + denied + unanswered) / nullIf(over + asked, 0) AS share,
  arrayMap(i -> if(is_used, by_bucket[i], asked_by_bucket[i]), range({buckets:UInt64})) AS over_time,
  is_new AS new,
  arrayMin(
    arrayFilter(start -> start > toDateTime64(0, 3, 'UTC'), [known_first, asked_first, start_first])
  ) AS first_seen,
  greatest(asked_last, start_last) AS last_seen,
  if(
    empty(answers_up_to),
    NULL,
    mapKeys(answers)[arrayFirstIndex(n -> n >= 0.95 * answers_up_to[-1], answers_up_to)] / 1000
  ) AS `lookups.p95_ms`,
  latency_sum / nullIf(latencies, 0) AS latency_ms,
  if(newest_lookup.3 IN ('', 'NOERROR'), NULL, newest_lookup.3) AS `dns.rcode`,
  nullIf(newest_lookup.1, '') AS `resolver.ip`,
  multiIf(
    place = 'public', 'external',
    place != '', place,
    NOT (isIPv4String(plain) OR isIPv6String(plain)) OR plain IN ('0.0.0.0', '::'), NULL,
    isIPAddressInRange(plain, '127.0.0.0/8') OR plain = '::1', 'loopback',
    arrayExists(
      network -> isIPAddressInRange(plain, network),
      [
        '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', 'fc00::/7',
        'fe80::/10'
      ]
    ), 'private',
    'external'
  ) AS scope,
  addresses_used AS addresses,
  greatest(hosts_used, 1) AS hosts,
  environment
FROM answer
LEFT JOIN told USING (number)
ORDER BY
  tier DESC, weight DESC, asked DESC, dependency, port, process_name, workload_name, environment
