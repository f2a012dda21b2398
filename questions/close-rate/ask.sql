-- One row per process and destination, with the hour of the range whose closes were the farthest from those
-- of comparable hours before. Hours are the store's, full ones of UTC; what they are called, and which of
-- them compare, is by the time zone asked for.
WITH
  -- Of 64 bits: groups and sets of these are a third of the work, and two of some million are never the same.
  -- Of what has few values each value is hashed once, not each row.
  cityHash64(
    cityHash64(host_name), cityHash64(environment), cityHash64(workload_name), cityHash64(process_name),
    cityHash64(direction), destination_ip, destination_port
  ) AS row_key,
  ({destination_first:IPv6}, {destination_last:IPv6})
    = (toIPv6('::'), toIPv6('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')) AS is_any_destination,
  -- More than are told, by how much they close; then, for those only, what they did in other hours.
  (
    SELECT groupArray(key)
    FROM (
      SELECT row_key AS key
      FROM {flows:Identifier}
      WHERE window_start >= {from:DateTime64(3, 'UTC')}
        AND window_start < {to:DateTime64(3, 'UTC')}
        AND network_transport != 'udp'
        AND connection_established
        AND connections_ended > 0
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
      GROUP BY row_key
      HAVING sum(connections_ended) >= {min:UInt64}
      ORDER BY sum(connections_ended) DESC, row_key
      LIMIT 3 * {limit:UInt32}
    )
  ) AS chosen,
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
      sum(connections_ended) AS closed,
      sumMap(map(connection_state, connections_ended)) AS states,
      sum(latency_sum_ms) / nullIf(sum(latency_count), 0) AS latency_mean_ms,
      sumMap(map(
        intDiv(
          toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
          {bucket_ms:UInt64}
        ),
        connections_ended
      )) AS closed_by_bucket,
      min(window_start) AS first_start,
      max(window_start) AS last_start
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND network_transport != 'udp'
      AND connection_established
      AND connections_ended > 0
      AND row_key IN (SELECT arrayJoin(chosen))
    GROUP BY row_key
  ),
  -- How long each node was heard in the range: a rate needs it.
  heard AS (
    SELECT
      host_name AS of_host, environment AS of_environment,
      least(sum(window_ms), dateDiff('millisecond', {from:DateTime64(3, 'UTC')}, {to:DateTime64(3, 'UTC')}))
        AS heard_ms
    FROM {windows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')} AND window_start < {to:DateTime64(3, 'UTC')}
    GROUP BY host_name, environment
  ),
  -- The hours of each node that it was heard in, and how much of them.
  hours AS (
    SELECT
      host_name AS of_host, environment AS of_environment, window_start AS hour,
      least(1, sum(window_ms) / 3600000) AS part
    FROM windows_1h
    WHERE window_start >= toStartOfHour({from:DateTime64(3, 'UTC')} - toIntervalMillisecond({history:UInt64}))
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {host:String} IN ('', host_name)
    GROUP BY host_name, environment, hour
  ),
  closes AS (
    SELECT
      row_key AS key, window_start AS hour, sum(connections_ended) AS n,
      any(host_name) AS of_host, any(environment) AS of_environment
    FROM flows_1h
    WHERE window_start >= toStartOfHour({from:DateTime64(3, 'UTC')} - toIntervalMillisecond({history:UInt64}))
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND network_transport != 'udp'
      AND connection_established
      AND connections_ended > 0
      AND row_key IN (SELECT arrayJoin(chosen))
    GROUP BY row_key, hour
  ),
  -- All that closed of each, and by hour of the day.
  closed_before AS (
    SELECT
      key, any(of_host) AS of_host, any(of_environment) AS of_environment,
      groupArray(hour) AS close_hours,
      groupArray(n) AS close_counts,
      sumMap(map(toHour(hour, {zone:String}), n)) AS day
    FROM closes
    GROUP BY key
  ),
  heard_days AS (
    SELECT of_host, of_environment, sumMap(map(toHour(hour, {zone:String}), part)) AS heard_by_hour
    FROM hours
    GROUP BY of_host, of_environment
  ),
  -- Every hour that is asked about, or that one of these may be compared with; with nothing closed, too.
  -- Counts are on the Anscombe scale, on which those of any size scatter alike.
  scaled AS (
    SELECT
      key, hour, part, day,
      close_counts[indexOf(close_hours, hour)] AS n,
      2 * sqrt(n + 0.375) AS y,
      toHour(hour, {zone:String}) AS hour_of_day,
      toDayOfWeek(hour, 0, {zone:String}) AS day_of_week
    FROM closed_before
    INNER JOIN hours USING (of_host, of_environment)
    WHERE hour >= toStartOfHour({from:DateTime64(3, 'UTC')}) - toIntervalHour(24)
      -- One more, for the night in which the clock changes.
      OR (24 + toHour(hour, {zone:String}) - toHour({from:DateTime64(3, 'UTC')}, {zone:String})) % 24
        <= 1 + dateDiff('hour', {from:DateTime64(3, 'UTC')}, {to:DateTime64(3, 'UTC')})
  ),
  -- What compares is hours through which the node was heard, to nine tenths.
  before AS (
    SELECT
      *,
      groupArrayIf(y, part >= 0.9) OVER (
        PARTITION BY key, day_of_week, hour_of_day ORDER BY hour ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING
      ) AS in_week,
      groupArrayIf(y, part >= 0.9) OVER (
        PARTITION BY key, day_of_week >= 6, hour_of_day
        ORDER BY hour ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING
      ) AS in_day,
      groupArrayIf(y, part >= 0.9) OVER (
        PARTITION BY key ORDER BY hour ROWS BETWEEN 24 PRECEDING AND 1 PRECEDING
      ) AS trailing
    FROM scaled
  ),
  compared AS (
    SELECT
      key, hour, part, day, n, y,
      multiIf(
        length(in_week) >= 4, ('same hour of the week', in_week),
        length(in_day) >= 4, ('same hour of other days', in_day),
        length(trailing) >= 4, ('24 hours before', trailing),
        ('nothing yet', [])
      ) AS others,
      hour >= toStartOfHour({from:DateTime64(3, 'UTC')}) AND part >= 0.1 AND notEmpty(others.2) AS is_told,
      if(is_told, arrayReduce('median', others.2), 0) AS usual
    FROM before
  ),
  scattered AS (
    SELECT
      *,
      if(is_told, 1.4826 * arrayReduce('median', arrayMap(v -> abs(v - usual), others.2)), 0) AS scatter
    FROM compared
  ),
  -- Of each the hour that is the farthest from what is usual. Of a part of an hour a part is expected.
  farthest AS (
    SELECT
      key,
      any(day) AS closed_by_hour,
      argMaxIf((hour, n, part, usual, length(others.2), others.1, z), (abs(z), hour), is_told) AS worst
    FROM (
      SELECT *, (y - sqrt(part) * usual) / greatest(sqrt(part) * scatter, 1) AS z
      FROM scattered
    )
    GROUP BY key
  )
SELECT
  of_process AS `process.name`,
  of_host AS `host.name`,
  of_direction AS direction,
  of_address AS `destination.ip`,
  of_port AS `destination.port`,
  closed AS closes,
  round(3600000 * closed / nullIf(heard_ms, 0), 1) AS `closes.per_hour`,
  closed_by_bucket AS by_bucket,
  arrayMap(i -> by_bucket[i], range({buckets:UInt64})) AS over_time,
  worst.5 > 0 AS is_compared,
  multiIf(NOT is_compared, '', worst.7 >= 5, 'climbs', worst.7 <= -5, 'drops', 'as usual') AS change,
  if(is_compared, round(worst.7, 2), NULL) AS deviation,
  if(is_compared, formatDateTime(worst.1, '%a %Y-%m-%d %H:%i', {zone:String}), '') AS hour,
  if(is_compared, worst.2, NULL) AS `hour.closes`,
  if(is_compared, round(greatest(0, worst.3 * (pow(worst.4 / 2, 2) - 0.375)), 1), NULL) AS `hour.usual`,
  if(is_compared, worst.6, 'nothing yet') AS compared_with,
  if(is_compared, worst.5, NULL) AS compared_hours,
  arrayStringConcat(arrayMap(
    (hour, rate) -> concat(leftPad(toString(hour), 2, '0'), 'h (', toString(round(rate)), ')'),
    arraySlice(arrayReverseSort(
      (hour, rate) -> (rate, -toInt16(hour)),
      mapKeys(closed_by_hour),
      arrayMap(hour -> closed_by_hour[hour] / greatest(heard_by_hour[hour], 0.1), mapKeys(closed_by_hour))
    ), 1, 3),
    arraySlice(arrayReverseSort(
      arrayMap(hour -> closed_by_hour[hour] / greatest(heard_by_hour[hour], 0.1), mapKeys(closed_by_hour))
    ), 1, 3)
  ), ', ') AS peak_hours,
  arrayReverseSort((state, n) -> (n, state), mapKeys(states), mapValues(states))[1] AS `connection.state`,
  states['closed'] / closed AS share,
  latency_mean_ms AS latency_ms,
  first_start AS first_seen,
  last_start AS last_seen,
  of_workload AS `workload.name`,
  of_environment AS environment
FROM totals
LEFT JOIN heard USING (of_host, of_environment)
LEFT JOIN heard_days USING (of_host, of_environment)
LEFT JOIN farthest USING (key)
ORDER BY
  is_compared DESC, abs(worst.7) DESC, closed DESC,
  `destination.ip`, `destination.port`, `process.name`, `host.name`, direction, environment, `workload.name`
LIMIT {limit:UInt32}
