-- One row per owner, destination and state. A latency quantile is the upper bound of its histogram's bucket.
WITH
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
    SELECT
      host_name, environment, workload_name, process_name, direction,
      destination_ip, destination_port, network_transport, connection_state,
      sum(connections_open) AS open_now
    FROM flows
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND connections_open > 0
      AND (host_name, environment, agent_instance, window_start) IN newest
    GROUP BY ALL
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
  weights AS (
    SELECT
      host_name, environment, workload_name, process_name, direction,
      destination_ip, destination_port, network_transport, connection_state,
      sumMapIf(latency_histogram, {sort:String} = 'latency') AS latencies,
      arrayCumSum(mapValues(latencies)) AS latencies_up_to,
      sum(connections_ended) AS ended,
      CASE {sort:String}
        WHEN 'ended' THEN toFloat64(ended)
        WHEN 'bytes' THEN toFloat64(sum(bytes_sent) + sum(bytes_received))
        WHEN 'retransmits' THEN toFloat64(sum(retransmits))
        WHEN 'resets' THEN toFloat64(sum(resets_sent) + sum(resets_received))
        WHEN 'latency' THEN toFloat64(
          mapKeys(latencies)[arrayFirstIndex(n -> n >= 0.95 * latencies_up_to[-1], latencies_up_to)]
        )
        WHEN 'first_seen' THEN toFloat64(min(window_start))
        WHEN 'last_seen' THEN toFloat64(max(window_start))
        ELSE toFloat64(sum(connections_opened))
      END AS weight
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
      AND {transport:String} IN ('any', network_transport)
      AND {state:String} IN ('any', connection_state)
      AND (
        NOT {new:Bool}
        OR (host_name, environment, process_name, direction, destination_ip, destination_port)
          NOT IN known_in_hours
        AND (host_name, environment, process_name, direction, destination_ip, destination_port)
          NOT IN known_since
      )
    GROUP BY
      host_name, environment, workload_name, process_name, direction,
      destination_ip, destination_port, network_transport, connection_state
  ),
  -- The rows of the answer; what follows is worked out for these only.
  chosen AS (
    SELECT
      host_name, environment, workload_name, process_name, direction,
      destination_ip, destination_port, network_transport, connection_state
    FROM weights
    LEFT JOIN still_open USING (
      host_name, environment, workload_name, process_name, direction,
      destination_ip, destination_port, network_transport, connection_state
    )
    ORDER BY
      if({sort:String} = 'open', toFloat64(open_now), weight) DESC,
      ended DESC, process_name, direction, destination_ip, destination_port, network_transport,
      connection_state, host_name, environment, workload_name
    LIMIT {limit:UInt32}
  ),
  totals AS (
    SELECT
      host_name, environment, workload_name, process_name, direction,
      destination_ip, destination_port, network_transport, connection_state,
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
      AND (
        host_name, environment, workload_name, process_name, direction,
        destination_ip, destination_port, network_transport, connection_state
      ) IN chosen
    GROUP BY
      host_name, environment, workload_name, process_name, direction,
      destination_ip, destination_port, network_transport, connection_state
  )
SELECT
  process_name AS `process.name`,
  host_name AS `host.name`,
  direction,
  destination_ip AS `destination.ip`,
  destination_port AS `destination.port`,
  network_transport AS `network.transport`,
  connection_state AS `connection.state`,
  opened AS `connections.opened`,
  ended AS `connections.ended`,
  open_now AS `connections.open_now`,
  arrayMap(i -> by_bucket[i], range({buckets:UInt64})) AS over_time,
  latency_mean_ms AS latency_ms,
  quantiles_ms[2] AS `latency.p95_ms`,
  sent AS `bytes.sent`,
  received AS `bytes.received`,
  workload_name AS `workload.name`,
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
  environment
FROM totals
LEFT JOIN still_open USING (
  host_name, environment, workload_name, process_name, direction,
  destination_ip, destination_port, network_transport, connection_state
)
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
  ended DESC, process_name, direction, destination_ip, destination_port, network_transport, connection_state,
  host_name, environment, workload_name
LIMIT {limit:UInt32}
