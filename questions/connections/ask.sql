-- One row per owner, destination and state. A latency quantile is the upper bound of its histogram's bucket.
WITH
  -- Of 64 bits: groups and sets of these are a third of the work, and two of some million are never the same.
  -- Of what has few values each value is hashed once, not each row.
  cityHash64(
    cityHash64(host_name), cityHash64(environment), cityHash64(workload_name), cityHash64(process_name),
    cityHash64(direction), destination_ip, destination_port, cityHash64(network_transport),
    cityHash64(connection_state)
  ) AS row_key,
  ({destination_first:IPv6}, {destination_last:IPv6})
    = (toIPv6('::'), toIPv6('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')) AS is_any_destination,
  -- The newest closed window of each node that is still heard: what is open there is open now. A node that
  -- fell silent, or that found nothing open, adds nothing.
  newest AS (
    SELECT host_name, environment, agent_instance, max(window_start)
    FROM windows
    WHERE window_start >= {from:DateTime64(3, 'UTC')} AND window_start < {to:DateTime64(3, 'UTC')}
    GROUP BY host_name, environment, agent_instance
    HAVING max(window_end) + toIntervalMillisecond(greatest(300000, 2 * argMax(window_ms, window_start)))
      >= {to:DateTime64(3, 'UTC')}
  ),
  still_open AS (
    SELECT row_key AS key, sum(connections_open) AS open_now
    FROM flows
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND connections_open > 0
      AND (host_name, environment, agent_instance, window_start) IN newest
    GROUP BY row_key
  ),
  -- Who talked to what before the range, in whole hours and then in what is left up to its start. Two sets,
  -- not one of both: that a cluster refuses.
  known_in_hours AS (
    SELECT DISTINCT host_name, environment, process_name, direction, destination_ip, destination_port
    FROM flows_1h
    WHERE {new:Bool}
      AND window_start >= toStartOfHour({from:DateTime64(3, 'UTC')} - toIntervalMillisecond({history:UInt64}))
      AND window_start < toStartOfHour({from:DateTime64(3, 'UTC')})
  ),
  known_since AS (
    SELECT DISTINCT host_name, environment, process_name, direction, destination_ip, destination_port
    FROM {flows:Identifier}
    WHERE {new:Bool}
      AND window_start >= toStartOfHour({from:DateTime64(3, 'UTC')})
      AND window_start < {from:DateTime64(3, 'UTC')}
  ),
  -- By what they are ranked, of which only that is read.
  weights AS (
    SELECT
      row_key AS key,
      sum(connections_ended) AS weighed_ended,
      if({sort:String} = 'latency', sumMap(latency_histogram), map()) AS latencies,
      arrayCumSum(mapValues(latencies)) AS latencies_up_to,
      if({sort:String} = 'ended', toFloat64(sum(connections_ended)),
      if({sort:String} = 'bytes', toFloat64(sum(bytes_sent) + sum(bytes_received)),
      if({sort:String} = 'retransmits', toFloat64(sum(retransmits)),
      if({sort:String} = 'resets', toFloat64(sum(resets_sent) + sum(resets_received)),
      if({sort:String} = 'latency', toFloat64(
        mapKeys(latencies)[arrayFirstIndex(n -> n >= 0.95 * latencies_up_to[-1], latencies_up_to)]
      ),
      if({sort:String} = 'first_seen', toFloat64(min(window_start)),
      if({sort:String} = 'last_seen', toFloat64(max(window_start)),
      toFloat64(sum(connections_opened))))))))) AS weight
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND process_name LIKE {process:String}
      AND (
        is_any_destination
        OR toIPv6OrDefault(splitByChar('/', destination_ip)[1])
          BETWEEN {destination_first:IPv6} AND {destination_last:IPv6}
      )
      AND {port:UInt16} IN (0, destination_port)
      AND {direction:String} IN ('any', direction)
      AND {transport:String} IN ('any', network_transport)
      AND {state:String} IN ('any', connection_state)
      AND (
        NOT {new:Bool}
        OR (host_name, environment, process_name, direction, destination_ip, destination_port)
          NOT IN known_in_hours
        AND (host_name, environment, process_name, direction, destination_ip, destination_port)
          NOT IN known_since
      )
    GROUP BY row_key
  ),
  -- The rows of the answer; what follows is worked out for these only.
  chosen AS (
    SELECT key
    FROM weights
    LEFT JOIN still_open USING (key)
    ORDER BY if({sort:String} = 'open', toFloat64(open_now), weight) DESC, weighed_ended DESC, key
    LIMIT {limit:UInt32}
  ),
  totals AS (
    SELECT
      row_key AS key,
      any(host_name) AS of_host,
      any(environment) AS of_environment,
      any(workload_name) AS of_workload,
      any(process_name) AS of_process,
      any(direction) AS of_direction,
      any(destination_ip) AS of_address,
      any(destination_port) AS of_port,
      any(network_transport) AS of_transport,
      any(connection_state) AS of_state,
      sum(connections_opened) AS opened,
      sum(connections_adopted) AS adopted,
      sum(connections_established) AS established,
      sum(connections_ended) AS ended,
      sum(connections_abandoned) AS abandoned,
      sum(connections_open_ms) AS open_ms,
      sum(bytes_sent) AS sent,
      sum(bytes_received) AS received,
      sum(retransmits) AS retransmitted,
      sum(resets_sent) AS reset_by_us,
      sum(resets_received) AS reset_by_peer,
      sum(latency_sum_ms) / nullIf(sum(latency_count), 0) AS latency_mean_ms,
      sumMap(latency_histogram) AS latencies,
      arrayCumSum(mapValues(latencies)) AS latencies_up_to,
      arrayMap(
        q -> if(
          empty(latencies_up_to),
          NULL,
          mapKeys(latencies)[arrayFirstIndex(n -> n >= q * latencies_up_to[-1], latencies_up_to)] / 1000
        ),
        [0.5, 0.95, 0.99]
      ) AS quantiles_ms,
      sumMap(map(
        intDiv(
          toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
          {bucket_ms:UInt64}
        ),
        if(connection_state = 'open', connections_opened, connections_ended)
      )) AS by_bucket,
      min(window_start) AS first_start,
      max(window_start) AS last_start
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND row_key IN chosen
    GROUP BY row_key
  )
SELECT
  of_process AS `process.name`,
  of_host AS `host.name`,
  of_direction AS direction,
  of_address AS `destination.ip`,
  of_port AS `destination.port`,
  of_transport AS `network.transport`,
  of_state AS `connection.state`,
  opened AS `connections.opened`,
  ended AS `connections.ended`,
  open_now AS `connections.open_now`,
  arrayMap(i -> by_bucket[i], range({buckets:UInt64})) AS over_time,
  latency_mean_ms AS latency_ms,
  quantiles_ms[2] AS `latency.p95_ms`,
  sent AS `bytes.sent`,
  received AS `bytes.received`,
  of_workload AS `workload.name`,
  first_start AS first_seen,
  last_start AS last_seen,
  established AS `connections.established`,
  adopted AS `connections.adopted`,
  abandoned AS `connections.abandoned`,
  open_ms / dateDiff('millisecond', {from:DateTime64(3, 'UTC')}, {to:DateTime64(3, 'UTC')})
    AS `connections.open`,
  quantiles_ms[1] AS `latency.p50_ms`,
  quantiles_ms[3] AS `latency.p99_ms`,
  retransmitted AS retransmits,
  reset_by_us AS `resets.sent`,
  reset_by_peer AS `resets.received`,
  of_environment AS environment
FROM totals
LEFT JOIN still_open USING (key)
ORDER BY
  CASE {sort:String}
    WHEN 'ended' THEN toFloat64(ended)
    WHEN 'open' THEN toFloat64(open_now)
    WHEN 'bytes' THEN toFloat64(sent + received)
    WHEN 'retransmits' THEN toFloat64(retransmitted)
    WHEN 'resets' THEN toFloat64(reset_by_us + reset_by_peer)
    WHEN 'latency' THEN coalesce(quantiles_ms[2], 0)
    WHEN 'first_seen' THEN toFloat64(first_start)
    WHEN 'last_seen' THEN toFloat64(last_start)
    ELSE toFloat64(opened)
  END DESC,
  ended DESC, of_process, of_direction, of_address, of_port, of_transport, of_state, of_host, of_environment,
  of_workload
LIMIT {limit:UInt32}
