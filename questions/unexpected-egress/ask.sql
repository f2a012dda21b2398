-- One row per workload, process and destination group that it opened connections to in the range and never in
-- the history before it, or that no expectation about it covers. A group is a port of a registered domain, an
-- organization or a network.
WITH
  toStartOfHour({from:DateTime64(3, 'UTC')} - toIntervalMillisecond({history:UInt64})) AS history_start,
  -- Of what was before the first name there are only lookups.
  (SELECT min(window_start) FROM names_1h WHERE window_start >= history_start) AS names_start,
  -- As mapped into IPv6: private (RFC 1918, RFC 6598) and link local.
  [
    '::ffff:10.0.0.0/104', '::ffff:172.16.0.0/108', '::ffff:192.168.0.0/112', '::ffff:100.64.0.0/106',
    '::ffff:169.254.0.0/112', 'fc00::/7', 'fe80::/10'
  ] AS private_networks,
  toIPv6OrDefault(splitByChar('/', destination_ip)[1]) AS far,
  toStartOfHour({from:DateTime64(3, 'UTC')}) AS hour_of_from,
  toStartOfMinute({from:DateTime64(3, 'UTC')}) AS minute_of_from,
  -- Of 64 bits; of what has few values each value is hashed once, not each row.
  cityHash64(
    cityHash64(environment), cityHash64(workload_name), cityHash64(process_name), cityHash64(host_name),
    destination_ip, destination_port, cityHash64(network_transport)
  ) AS use_key,
  watched AS (
    SELECT host_name
    FROM nodes_now
    GROUP BY host_name
    HAVING min(first_seen) <= {from:DateTime64(3, 'UTC')} - toIntervalHour(24)
  ),
  facts AS (
    SELECT
      environment, process_name, destination_ip,
      max(told) AS newest_told,
      newest_told.name AS name,
      newest_told.source AS name_source,
      newest_told.as_org AS org
    FROM names_1h
    WHERE window_start >= history_start
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {environment:String} IN ('', environment)
      AND process_name LIKE {process:String}
      AND direction = 'egress'
    GROUP BY environment, process_name, destination_ip
  ),
  -- Before the range, in whole hours, then whole minutes, then what is left up to its start; by all hosts.
  past AS (
    SELECT
      environment, workload_name, process_name, destination_ip, destination_port,
      sum(opened) AS past_opened,
      min(start) AS past_start,
      groupUniqArray(host) AS past_hosts
    FROM (
      SELECT
        environment, workload_name, process_name, destination_ip, destination_port, direction,
        cityHash64(host_name) AS host, connections_opened AS opened, window_start AS start
      FROM flows_1h
      WHERE window_start >= history_start AND window_start < hour_of_from
      UNION ALL
      SELECT
        environment, workload_name, process_name, destination_ip, destination_port, direction,
        cityHash64(host_name) AS host, connections_opened AS opened, window_start AS start
      FROM {flows_sums:Identifier}
      WHERE window_start >= hour_of_from AND window_start < minute_of_from
      UNION ALL
      SELECT
        environment, workload_name, process_name, destination_ip, destination_port, direction,
        cityHash64(host_name) AS host, connections_opened AS opened, window_start AS start
      FROM {flows:Identifier}
      WHERE window_start >= minute_of_from AND window_start < {from:DateTime64(3, 'UTC')}
    )
    WHERE {environment:String} IN ('', environment)
      AND process_name LIKE {process:String}
      AND direction = 'egress'
      AND opened > 0
    GROUP BY environment, workload_name, process_name, destination_ip, destination_port
  ),
  present AS (
    SELECT
      environment, workload_name, process_name, host_name, destination_ip, destination_port,
      network_transport,
      sum(connections_opened) AS now_opened,
      sum(connections_established) AS now_established,
      (max(window_start), argMax(connection_state, window_start)) AS now_newest,
      minIf(window_start, connections_opened > 0) AS now_start
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND process_name LIKE {process:String}
      AND direction = 'egress'
      AND {port:UInt16} IN (0, destination_port)
    GROUP BY
      environment, workload_name, process_name, host_name, destination_ip, destination_port, network_transport
    -- In one: what is about keys alone would be asked of every row.
    HAVING if(
      now_opened > 0,
      far BETWEEN {destination_first:IPv6} AND {destination_last:IPv6}
        AND far NOT BETWEEN toIPv6('::ffff:127.0.0.0') AND toIPv6('::ffff:127.255.255.255')
        AND far NOT BETWEEN toIPv6('::ffff:224.0.0.0') AND toIPv6('::ffff:239.255.255.255')
        AND far < toIPv6('ff00::')
        AND destination_ip NOT IN ('::1', '0.0.0.0/0', '::/0', '255.255.255.255'),
      false
    )
  ),
  both AS (
    SELECT
      *, 0 AS past_opened, toDateTime64(0, 3, 'UTC') AS past_start, CAST([], 'Array(UInt64)') AS past_hosts
    FROM present
    UNION ALL
    SELECT
      environment, workload_name, process_name, '' AS host_name, destination_ip, destination_port,
      '' AS network_transport, 0 AS now_opened, 0 AS now_established,
      (toDateTime64(0, 3, 'UTC'), '') AS now_newest, toDateTime64(0, 3, 'UTC') AS now_start,
      past_opened, past_start, past_hosts
    FROM past
  ),
  -- By which entry each may be talked to. Where a name is asked for and none is known, nobody can tell yet.
  held AS (
    SELECT
      *,
      arrayFirst(
        target -> target.transport IN ('', network_transport)
          AND (
            empty(target.ports)
            OR arrayExists(ports -> destination_port BETWEEN ports.1 AND ports.2, target.ports)
          )
          AND (
            arrayExists(pattern -> name != '' AND lower(name) LIKE pattern, target.names)
            OR arrayExists(network -> far BETWEEN network.1 AND network.2, target.networks)
          ),
        if(now_opened = 0, [], allowed)
      ).label AS allowed_by,
      multiIf(
        policy = '' OR now_opened = 0, '',
        allowed_by != '', 'expected',
        position(destination_ip, '/') > 0, '',
        name = '' AND arrayExists(target -> notEmpty(target.names), allowed), 'nameless',
        'not_allowed'
      ) AS verdict
    FROM both
    LEFT JOIN facts USING (environment, process_name, destination_ip)
    LEFT JOIN expected_by(
      digest = {expectations:String}, from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')}
    ) AS bound USING (environment, workload_name, process_name, host_name)
  ),
  -- What was looked up before names are known of connections counts as used: its addresses may have changed.
  grouped AS (
    SELECT
      environment, workload_name, process_name, destination_port,
      multiIf(
        name != '' AND startsWith(name_source, 'dns') AND cutToFirstSignificantSubdomain(name) != '',
        cutToFirstSignificantSubdomain(name),
        name != '', name,
        org != '', org,
        isIPv4String(destination_ip),
        concat(arrayStringConcat(arraySlice(splitByChar('.', destination_ip), 1, 3), '.'), '.0/24'),
        isIPv6String(destination_ip),
        concat(toString(IPv6CIDRToRange(toIPv6OrDefault(destination_ip), 48).1), '/48'),
        destination_ip
      ) AS place,
      max(name_source) AS source,
      argMax(name, now_newest) AS newest_name,
      sum(past_opened) AS n_before,
      minIf(past_start, past_opened > 0) AS start_before,
      groupUniqArrayArray(past_hosts) AS hosts_before,
      sum(now_opened) AS opened,
      sum(now_established) AS established,
      max((now_newest, host_name, destination_ip)) AS newest,
      groupUniqArrayIf(cityHash64(host_name), now_opened > 0) AS hosts,
      uniqExactIf(destination_ip, now_opened > 0) AS addresses,
      minIf(now_start, now_opened > 0) AS start_first,
      verdict, minIf(if(verdict = 'expected', allowed_by, policy), now_opened > 0) AS entry,
      groupArrayIf(use_key, now_opened > 0) AS keys,
      0 AS is_looked_up
    FROM held
    GROUP BY environment, workload_name, process_name, destination_port, place, verdict
    UNION ALL
    SELECT
      environment, workload_name, process_name, 0 AS destination_port,
      cutToFirstSignificantSubdomain(dns_question_name) AS place,
      '' AS source, '' AS newest_name, 0 AS n_before, toDateTime64(0, 3, 'UTC') AS start_before,
      [] AS hosts_before, 0 AS opened, 0 AS established,
      ((toDateTime64(0, 3, 'UTC'), ''), '', '') AS newest,
      [] AS hosts, 0 AS addresses, toDateTime64(0, 3, 'UTC') AS start_first, '' AS verdict, '' AS entry,
      CAST([], 'Array(UInt64)') AS keys, 1 AS is_looked_up
    FROM dns_1h
    WHERE window_start >= history_start
      AND window_start < names_start
      AND {environment:String} IN ('', environment)
      AND direction = 'egress'
    GROUP BY environment, workload_name, process_name, place
  ),
  weighed AS (
    SELECT
      *,
      sum(n_before) OVER process AS n, sum(n_before) OVER group_of AS n_of_group,
      sum(opened) OVER process AS opened_by_process,
      countIf(n_before = 1) OVER process AS n1,
      minIf(start_before, n_before > 0) OVER process AS process_start,
      sum(n_before) OVER (PARTITION BY environment, process_name, destination_port) AS n_of_port,
      max(source != '') OVER (PARTITION BY environment) AS are_names_known,
      max(is_looked_up) OVER place_of AS is_own_name,
      max(is_looked_up) OVER (PARTITION BY environment, place) AS is_known_name,
      -- Other hosts with a process of this name, and those of them that know the group.
      groupUniqArrayArray(hosts_before) OVER (PARTITION BY environment, process_name) AS running,
      groupUniqArrayArray(hosts_before) OVER (
        PARTITION BY environment, process_name, place, destination_port
      ) AS knowing
    FROM grouped
    WINDOW
      process AS (PARTITION BY environment, workload_name, process_name),
      place_of AS (PARTITION BY environment, workload_name, process_name, place),
      group_of AS (PARTITION BY environment, workload_name, process_name, place, destination_port)
  ),
  judged AS (
    SELECT
      *,
      (n1 + 1) / (n + 1) AS p_new,
      arrayCount(peer -> NOT has(hosts, peer), running) AS peers,
      arrayCount(peer -> NOT has(hosts, peer), knowing) / nullIf(peers, 0) AS prevalence,
      newest.3 AS address,
      countIf(n_of_group = 0 AND established = 0) OVER place_of AS ports_in_vain,
      established = 0 AND n_of_group = 0 AND ports_in_vain > 8 AS is_search,
      newest_name = '' AND are_names_known AND place != '' AND NOT arrayExists(
        network -> isIPAddressInRange(toString(toIPv6OrDefault(splitByChar('/', address)[1])), network),
        private_networks
      ) AS is_nameless,
      n = 0 AND newest.2 IN watched AS is_process_new,
      n_of_port = 0 AS is_port_new,
      if(are_names_known AND newest.1.1 >= names_start, 'not_allowed', '') AS nameless_says,
      if(verdict = 'nameless', nameless_says, verdict) AS policy_says,
      n < 200 OR process_start > {from:DateTime64(3, 'UTC')} - toIntervalHour(24) AS is_learning,
      multiIf(
        policy_says != '', policy_says, is_learning, 'learning', p_new > 0.01, 'insufficient',
        prevalence >= 0.2, 'known_to_peers', 'new'
      ) AS finding,
      if(
        is_learning OR n_of_group > 0 OR finding = 'expected', NULL,
        -log10(p_new) + is_nameless + 0.5 * is_port_new
      ) AS score
    FROM weighed
    WHERE opened > 0
      AND (
        policy_says != ''
        OR (n_of_group = 0 AND NOT is_own_name AND NOT (source = 'dns_node' AND is_known_name))
      )
    WINDOW place_of AS (PARTITION BY environment, workload_name, process_name, place)
  ),
  -- Many ports of one group, all in vain, are one row: somebody looks for something.
  told AS (
    SELECT
      environment, workload_name, process_name, place, finding, is_search,
      if(is_search, 0, destination_port) AS port,
      argMax(newest_name, newest) AS name,
      max(newest) AS last_use,
      max(score) AS surprise,
      sum(opened) AS all_opened,
      any(opened_by_process) AS of_process,
      min(start_first) AS first_start,
      max(is_process_new) AS is_stranger,
      max(is_nameless) AS has_no_name,
      max(is_port_new AND n > 0) AS has_new_port,
      finding = 'not_allowed' AND min(n_of_group) = 0 AS is_first_time,
      min(entry) AS by_entry,
      any(p_new) AS novelty,
      any(n) AS past_connections,
      any(n1) AS past_once,
      max(prevalence) AS knowing_share,
      any(peers) AS other_nodes,
      sum(established) AS all_established,
      max(addresses) AS places,
      length(groupUniqArrayArray(hosts)) AS nodes,
      groupArrayArray(keys) AS all_keys
    FROM judged
    WHERE {only:String} = finding OR ({only:String} = 'any' AND finding != 'expected')
    GROUP BY environment, workload_name, process_name, place, finding, is_search, port
  ),
  -- The rows of the answer, in its order, worked out once: what follows is looked for of these only.
  (
    SELECT groupArray((
      finding, process_name, workload_name, environment, place, port, name, last_use, by_entry, surprise,
      [is_first_time, is_stranger, has_no_name, has_new_port, is_search], all_opened, of_process, first_start,
      novelty, past_connections, past_once, knowing_share, other_nodes, all_established, places, nodes,
      all_keys
    ))
    FROM (
      SELECT *
      FROM told
      ORDER BY
        finding = 'expected', finding = 'not_allowed' DESC, finding = 'new' DESC,
        if(finding IN ('not_allowed', 'new'), surprise, NULL) DESC, finding = 'known_to_peers',
        first_start DESC, place, port, process_name, workload_name, environment
      LIMIT {limit:UInt32}
    )
  ) AS chosen,
  answer AS (
    SELECT number, row FROM (SELECT 1) ARRAY JOIN chosen AS row, arrayEnumerate(chosen) AS number
  ),
  uses AS (
    SELECT
      use_key AS key,
      sum(latency_sum_ms) AS latency_sum,
      sum(latency_count) AS latencies,
      sum(bytes_sent) AS sent,
      sum(bytes_received) AS received,
      sumMap(map(
        intDiv(
          toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
          {bucket_ms:UInt64}
        ),
        connections_opened
      )) AS by_bucket,
      -- The first windows with one, and what they sent.
      groupArrayIf(64)((toUnixTimestamp(window_start), bytes_sent), connections_opened > 0) AS times
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND direction = 'egress'
      AND process_name IN (SELECT row.2 FROM answer)
      AND use_key IN (SELECT arrayJoin(row.23) FROM answer)
    GROUP BY use_key
  ),
  known AS (
    SELECT
      number,
      sum(latency_sum) / nullIf(sum(latencies), 0) AS latency_mean_ms,
      sum(sent) AS all_sent,
      sum(received) AS all_received,
      sumMap(by_bucket) AS all_by_bucket,
      arraySort(use -> use.1, groupArrayArray(times)) AS sorted
    FROM (SELECT number, arrayJoin(row.23) AS key FROM answer) AS ends
    LEFT JOIN uses USING (key)
    GROUP BY number
  ),
  -- How alike gaps and sizes are (skew of quartiles, scatter around the median), how evenly uses are spread
  -- over parts of the time between first and last, and, of six hours or more, how much of the range that is.
  clocked AS (
    SELECT
      *,
      arrayFilter(gap -> gap > 0, arrayPopFront(arrayDifference(sorted.1))) AS gaps,
      [arrayMap(gap -> toFloat64(gap), gaps), arrayMap(sent -> toFloat64(sent), sorted.2)] AS measures,
      arrayMap(values -> arrayReduce('quantilesExact(0.25, 0.5, 0.75)', values), measures) AS quartiles,
      arrayMap(
        (values, q) -> arrayReduce('quantileExact(0.5)', arrayMap(value -> abs(value - q[2]), values)),
        measures, quartiles
      ) AS scatters,
      arrayMap(
        (q, scatter) ->
          0.5 * (1 - if(q[3] = q[1], 0, abs((q[1] + q[3] - 2 * q[2]) / (q[3] - q[1]))))
          + 0.5 * if(q[2] > 0, greatest(0, (q[2] - scatter) / q[2]), scatter = 0),
        quartiles, scatters
      ) AS alike,
      sorted.1[-1] - sorted.1[1] AS span_s,
      least(24, intDiv(length(sorted), 2)) AS parts_n,
      arrayMap(
        at -> least(parts_n - 1, intDiv(parts_n * (at - sorted.1[1]), greatest(span_s, 1))),
        sorted.1
      ) AS placed,
      arrayMap(part -> toFloat64(countEqual(placed, part)), range(parts_n)) AS parts,
      greatest(0, 1 - arrayReduce('stddevPop', parts) / arrayReduce('avg', parts)) AS evenness,
      dateDiff('second', {from:DateTime64(3, 'UTC')}, {to:DateTime64(3, 'UTC')}) AS range_s,
      arrayConcat(alike, [evenness], if(range_s >= 6 * 3600, [least(1, span_s / range_s)], [])) AS marks,
      if(length(gaps) >= 3 AND length(sorted) >= 4, arrayReduce('avg', marks), NULL) AS regular
    FROM known
  )
SELECT
  row.1 AS finding,
  row.2 AS `process.name`,
  row.3 AS `workload.name`,
  row.8.2 AS `host.name`,
  row.5 AS `destination.group`,
  nullIf(row.7, '') AS `destination.name`,
  row.8.3 AS `destination.ip`,
  nullIf(row.6, 0) AS `destination.port`,
  row.8.1.2 AS `connection.state`,
  nullIf(row.9, '') AS expectation,
  row.10 AS score,
  nullIf(arrayStringConcat(arrayFilter(
    (sign, has) -> has = 1, ['first time', 'new process', 'no name', 'new port', 'many ports'], row.11
  ), ', '), '') AS signs,
  row.12 AS `connections.opened`,
  row.12 / row.13 AS share,
  arrayMap(i -> all_by_bucket[i], range({buckets:UInt64})) AS over_time,
  row.14 AS first_seen,
  row.8.1.1 AS last_seen,
  all_sent AS `bytes.sent`,
  all_received AS `bytes.received`,
  row.15 AS novelty,
  row.16 AS `history.connections`,
  row.17 AS `history.once`,
  row.18 AS prevalence,
  row.19 AS peers,
  row.20 AS `connections.established`,
  latency_mean_ms AS latency_ms,
  regular AS regularity,
  row.21 AS addresses,
  row.22 AS nodes,
  row.4 AS environment
FROM answer
LEFT JOIN clocked USING (number)
ORDER BY number
