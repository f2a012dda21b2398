-- One row per caller and destination that failed to connect. An attempt is one socket, however many SYNs it
-- sent: it was established, or it ended before it was. Minutes always come from the sums of minutes, also
-- where the range is answered by hours: a storm is shorter than that.
WITH
  failures AS (
    SELECT
      host_name, environment, workload_name, process_name, destination_ip, destination_port,
      window_start AS minute,
      sum(connections_ended) AS failed
    FROM flows_1m
    WHERE window_start >= toStartOfMinute({from:DateTime64(3, 'UTC')})
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND direction = 'egress'
      AND network_transport != 'udp'
      AND connection_state NOT IN ('open', 'closed')
      AND NOT connection_established
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND process_name LIKE {process:String}
      AND toIPv6OrDefault(splitByChar('/', destination_ip)[1])
        BETWEEN {destination_first:IPv6} AND {destination_last:IPv6}
      AND {port:UInt16} IN (0, destination_port)
    GROUP BY host_name, environment, workload_name, process_name, destination_ip, destination_port, minute
    HAVING failed > 0
  ),
  -- More than are told, by their worst minute: who is worst depends on what was established beside it.
  callers AS (
    SELECT host_name, environment, workload_name, process_name, destination_ip, destination_port
    FROM failures
    GROUP BY host_name, environment, workload_name, process_name, destination_ip, destination_port
    HAVING sum(failed) >= {min:UInt64}
    ORDER BY
      max(failed) DESC, sum(failed) DESC,
      destination_ip, destination_port, process_name, host_name, environment, workload_name
    LIMIT 3 * {limit:UInt32}
  ),
  minutes AS (
    SELECT
      host_name, environment, workload_name, process_name, destination_ip, destination_port,
      window_start AS minute,
      sum(connections_established) AS established,
      sumIf(connections_ended, NOT connection_established) AS failed,
      established + failed AS attempts,
      greatest(0, (toInt64(attempts) - 2 * toInt64(established)) / (attempts + 1)) AS pressure,
      pressure >= 0.5 AND attempts >= 20 AS stormy
    FROM flows_1m
    WHERE window_start >= toStartOfMinute({from:DateTime64(3, 'UTC')})
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND direction = 'egress'
      AND network_transport != 'udp'
      AND ({own:Bool} OR workload_name != 'sonde')
      AND (host_name, environment, workload_name, process_name, destination_ip, destination_port) IN callers
      AND window_start IN (
        SELECT window_start
        FROM flows_1m
        WHERE window_start >= toStartOfMinute({from:DateTime64(3, 'UTC')})
          AND window_start < {to:DateTime64(3, 'UTC')}
          AND direction = 'egress'
          AND connection_state NOT IN ('open', 'closed')
          AND NOT connection_established
      )
    GROUP BY host_name, environment, workload_name, process_name, destination_ip, destination_port, minute
    HAVING failed > 0
  ),
  -- With who stormed the same destination in the same minute.
  together AS (
    SELECT
      *,
      uniqExactIf(host_name, stormy) OVER same AS nodes,
      uniqExactIf(if(workload_name = '', process_name, workload_name), stormy) OVER same AS workloads
    FROM minutes
    WINDOW same AS (PARTITION BY environment, destination_ip, destination_port, minute)
  ),
  storms AS (
    SELECT
      host_name, environment, workload_name, process_name, destination_ip, destination_port,
      max(pressure) AS pressure_peak,
      max(attempts) AS attempts_peak,
      arraySort(groupArrayIf(minute, stormy)) AS stormy_minutes,
      arrayFilter(
        (start, before) -> start > before + toIntervalMinute(1),
        stormy_minutes,
        arrayPopBack(arrayPushFront(stormy_minutes, toDateTime64(0, 3, 'UTC')))
      ) AS starts,
      arrayMap(start -> toDate(start, {zone:String}), starts) AS days,
      arrayMap(start -> toHour(start, {zone:String}), starts) AS hours,
      arrayReverseSort(
        hour -> (countEqual(hours, hour), -toInt16(hour)),
        arrayDistinct(hours)
      ) AS usual_hours,
      maxIf(nodes, stormy) AS nodes_together,
      maxIf(workloads, stormy) AS workloads_together
    FROM together
    GROUP BY host_name, environment, workload_name, process_name, destination_ip, destination_port
  ),
  totals AS (
    WITH NOT connection_established AND connection_state != 'open' AS is_failure
    SELECT
      host_name, environment, workload_name, process_name, destination_ip, destination_port,
      sum(connections_established) AS established,
      sumIf(connections_ended, is_failure) AS failed,
      established + failed AS attempts,
      sumMapIf(map(connection_state, connections_ended), is_failure AND connections_ended > 0) AS states,
      arrayReverseSort((state, n) -> (n, state), mapKeys(states), mapValues(states)) AS worst_states,
      sumIf(latency_sum_ms, is_failure) / nullIf(sumIf(latency_count, is_failure), 0) AS latency_mean_ms,
      sumIf(retransmits_syn, is_failure) AS syns_again,
      sumMapIf(map(
        intDiv(
          toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
          {bucket_ms:UInt64}
        ),
        connections_ended
      ), is_failure) AS failed_by_bucket,
      minIf(window_start, is_failure AND connections_ended > 0) AS first_start,
      maxIf(window_start, is_failure AND connections_ended > 0) AS last_start
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND direction = 'egress'
      AND network_transport != 'udp'
      AND (host_name, environment, workload_name, process_name, destination_ip, destination_port) IN callers
    GROUP BY host_name, environment, workload_name, process_name, destination_ip, destination_port
    HAVING failed >= {min:UInt64}
  )
SELECT
  process_name AS `process.name`,
  host_name AS `host.name`,
  destination_ip AS `destination.ip`,
  destination_port AS `destination.port`,
  worst_states[1] AS `connection.state`,
  length(starts) AS storms,
  if(nodes_together >= 3 OR workloads_together >= 5, 'synchronised', if(storms > 0, 'alone', ''))
    AS together,
  pressure_peak AS `pressure.peak`,
  greatest(0, (toInt64(attempts) - 2 * toInt64(established)) / (attempts + 1)) AS pressure,
  attempts,
  failed,
  failed / attempts AS share,
  share / 0.1 AS `budget.used`,
  failed_by_bucket AS by_bucket,
  arrayMap(i -> by_bucket[i], range({buckets:UInt64})) AS over_time,
  round(attempts_peak / 60, 2) AS `attempts.per_second`,
  length(stormy_minutes) AS `storms.minutes`,
  arrayStringConcat(arrayMap(
    day -> concat(toString(day), ' (', toString(countEqual(days, day)), ')'),
    arraySlice(arrayReverseSort(arrayDistinct(days)), 1, 10)
  ), ', ') AS `storms.days`,
  arrayStringConcat(arrayMap(
    hour -> concat(leftPad(toString(hour), 2, '0'), 'h (', toString(countEqual(hours, hour)), ')'),
    arraySlice(usual_hours, 1, 3)
  ), ', ') AS `storms.hours`,
  starts[-1] AS `storms.last`,
  arrayStringConcat(arrayMap(state -> concat(state, ' ', toString(states[state])), worst_states), ', ')
    AS failures,
  latency_mean_ms AS latency_ms,
  syns_again AS `retransmits.syn`,
  nodes_together AS nodes,
  workloads_together AS workloads,
  first_start AS first_seen,
  last_start AS last_seen,
  workload_name AS `workload.name`,
  environment
FROM totals
LEFT JOIN storms USING (
  host_name, environment, workload_name, process_name, destination_ip, destination_port
)
ORDER BY
  storms > 0 DESC,
  -- How many attempts a caller would have kept to itself that makes twice as many as succeed.
  greatest(0, toInt64(attempts) - 2 * toInt64(established)) DESC, failed DESC,
  `destination.ip`, `destination.port`, `process.name`, `host.name`, environment, `workload.name`
LIMIT {limit:UInt32}
