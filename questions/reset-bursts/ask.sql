-- One row per destination, end that saw it, and side that sent the resets. A client's resets beyond three in
-- one window are in the totals and not in the score: one client that dies is no burst.
WITH
  -- Per client and window, both sides in one row.
  windows_of_clients AS (
    SELECT
      environment, direction, destination_ip, destination_port, host_name, workload_name, process_name,
      network_namespace, source_ip, window_start,
      sum(least(resets_sent, connections_ended)) AS by_this_end,
      sum(connections_ended) AS ended
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND connection_state = 'reset'
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND process_name LIKE {process:String}
      AND toIPv6OrDefault(splitByChar('/', destination_ip)[1])
        BETWEEN {destination_first:IPv6} AND {destination_last:IPv6}
      AND {port:UInt16} IN (0, destination_port)
      AND {direction:String} IN ('any', direction)
    GROUP BY
      environment, direction, destination_ip, destination_port, host_name, workload_name, process_name,
      network_namespace, source_ip, window_start
  ),
  resets AS (
    SELECT
      environment, direction, destination_ip, destination_port,
      side.1 AS reset_side,
      host_name, workload_name, process_name, network_namespace, source_ip, window_start,
      intDiv(
        toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
        {bucket_ms:UInt64}
      ) AS bucket,
      if(direction = 'ingress', source_ip, concat(process_name, ' on ', host_name)) AS client,
      side.2 AS n,
      least(n, 3) AS counted
    FROM windows_of_clients
    ARRAY JOIN [('local', by_this_end), ('remote', toUInt64(ended - by_this_end))] AS side
    WHERE n > 0
  ),
  -- More than are told, by their worst bucket: the score depends on what ended well beside them.
  chosen AS (
    SELECT environment, direction, destination_ip, destination_port, reset_side
    FROM (
      SELECT
        environment, direction, destination_ip, destination_port, reset_side, bucket,
        sum(n) AS in_bucket,
        sum(counted) AS counted_in_bucket
      FROM resets
      GROUP BY environment, direction, destination_ip, destination_port, reset_side, bucket
    )
    GROUP BY environment, direction, destination_ip, destination_port, reset_side
    HAVING sum(in_bucket) >= {min:UInt64}
    ORDER BY
      max(counted_in_bucket) DESC, sum(in_bucket) DESC,
      destination_ip, destination_port, direction, reset_side, environment
    LIMIT 3 * {limit:UInt32}
  ),
  -- By the process that sees them, to name the one with the most.
  of_processes AS (
    SELECT
      environment, direction, destination_ip, destination_port, reset_side,
      host_name, workload_name, process_name,
      sum(n) AS of_process,
      sumMap(map(bucket, n)) AS n_by_bucket,
      sumMap(map(bucket, counted)) AS counted_by_bucket,
      groupUniqArray((client, network_namespace)) AS clients,
      sumMap(map(client, n)) AS by_client,
      min(window_start) AS first_start,
      max(window_start) AS last_start
    FROM resets
    WHERE (environment, direction, destination_ip, destination_port, reset_side) IN chosen
    GROUP BY
      environment, direction, destination_ip, destination_port, reset_side,
      host_name, workload_name, process_name
  ),
  destinations AS (
    SELECT
      environment, direction, destination_ip, destination_port, reset_side,
      sum(of_process) AS n,
      argMax(
        (host_name, workload_name, process_name),
        (of_process, host_name, workload_name, process_name)
      ) AS worst_process,
      uniqExact(host_name) AS hosts,
      sumMap(n_by_bucket) AS n_by_bucket,
      sumMap(counted_by_bucket) AS counted_by_bucket,
      length(groupUniqArrayArray(clients)) AS client_count,
      sumMap(by_client) AS by_client,
      min(first_start) AS first_start,
      max(last_start) AS last_start
    FROM of_processes
    GROUP BY environment, direction, destination_ip, destination_port, reset_side
  ),
  -- All that ended after it was established, and how long handshakes took.
  closes AS (
    SELECT
      environment, direction, destination_ip, destination_port,
      sum(connections_ended) AS closed,
      sumMap(map(
        intDiv(
          toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
          {bucket_ms:UInt64}
        ),
        connections_ended
      )) AS closed_by_bucket,
      sum(latency_sum_ms) / nullIf(sum(latency_count), 0) AS latency_mean_ms
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND connections_ended > 0
      AND (connection_established OR connection_state = 'reset')
      AND {host:String} IN ('', host_name)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND process_name LIKE {process:String}
      AND (environment, direction, destination_ip, destination_port) IN (
        SELECT environment, direction, destination_ip, destination_port FROM chosen
      )
    GROUP BY environment, direction, destination_ip, destination_port
  ),
  -- Bucket by bucket: resets, those that count for the score, and of how many that ended these are: what the
  -- cap leaves out of the resets is left out there, too.
  series AS (
    SELECT
      *,
      arrayMap(i -> n_by_bucket[i], range({buckets:UInt64})) AS all_resets,
      arrayMap(i -> closed_by_bucket[i], range({buckets:UInt64})) AS all_closes,
      arrayMap(i -> counted_by_bucket[i], range({buckets:UInt64})) AS xs,
      arrayMap((x, n, closed) -> closed - n + x, xs, all_resets, all_closes) AS ns
    FROM destinations
    INNER JOIN closes USING (environment, direction, destination_ip, destination_port)
  ),
  compared AS (
    SELECT
      *,
      indexOf(xs, arrayMax(xs)) AS worst,
      arrayFilter(
        (share, n, i) -> n > 0 AND i != worst,
        arrayMap((x, n) -> x / n, xs, ns), ns, arrayEnumerate(ns)
      ) AS others
    FROM series
  ),
  usual AS (
    SELECT
      *,
      if(length(others) >= 4, arrayReduce('median', others), NULL) AS usual_share,
      greatest(coalesce(usual_share, 0), 0.005) AS p0,
      least(greatest(3 * p0, 0.03), 0.5) AS p1
    FROM compared
  ),
  -- The cumulative sum of the logarithm of how much likelier p1 is than p0, never below 0.
  summed AS (
    SELECT
      *,
      arrayCumSumNonNegative(arrayMap(
        (x, n) -> if(p0 < 0.5, x * log(p1 / p0) + (n - x) * log((1 - p1) / (1 - p0)), 0),
        xs, ns
      )) AS sums
    FROM usual
  ),
  highest AS (
    SELECT
      *,
      arrayMax(sums) AS score,
      indexOf(sums, score) AS sums_end
    FROM summed
  ),
  begun AS (
    SELECT
      *,
      arrayLastIndex((s, i) -> s = 0 AND i < sums_end, sums, arrayEnumerate(sums)) + 1 AS sums_start
    FROM highest
  ),
  scored AS (
    SELECT
      *,
      if(
        score >= 18 AND arraySum(arraySlice(xs, sums_start, sums_end - sums_start + 1)) >= 8,
        sums_start,
        0
      ) AS burst_start
    FROM begun
  )
SELECT
  destination_ip AS `destination.ip`,
  destination_port AS `destination.port`,
  worst_process.3 AS `process.name`,
  worst_process.1 AS `host.name`,
  multiIf(burst_start > 0, 'burst', client_count = 1, 'one_client', n < 8, 'few', 'steady') AS verdict,
  reset_side AS `reset.side`,
  if((direction = 'egress') = (reset_side = 'remote'), 'destination', 'client') AS sent_by,
  n AS resets,
  closed AS closes,
  n / closed AS share,
  all_resets AS over_time,
  client_count AS clients,
  arrayReverseSort((client, n) -> (n, client), mapKeys(by_client), mapValues(by_client))[1]
    AS `clients.worst`,
  if(
    burst_start > 0,
    {from:DateTime64(3, 'UTC')} + toIntervalMillisecond((burst_start - 1) * {bucket_ms:UInt64}),
    NULL
  ) AS since,
  {from:DateTime64(3, 'UTC')} + toIntervalMillisecond((worst - 1) * {bucket_ms:UInt64}) AS `worst.start`,
  all_resets[worst] AS `worst.resets`,
  all_resets[worst] / all_closes[worst] AS `worst.share`,
  usual_share AS `usual.share`,
  if(isNull(usual_share), 'nothing yet', 'other times in the range') AS compared_with,
  round(scored.score, 1) AS score,
  first_start AS first_seen,
  last_start AS last_seen,
  direction,
  hosts,
  'reset' AS `connection.state`,
  latency_mean_ms AS latency_ms,
  worst_process.2 AS `workload.name`,
  environment
FROM scored
ORDER BY
  burst_start > 0 DESC, scored.score DESC, resets DESC,
  `destination.ip`, `destination.port`, direction, `reset.side`, environment
LIMIT {limit:UInt32}
