-- What each expected node told of the range, from its windows: a node is expected when it was heard in the
-- range, or in the day before it and did not say goodbye. A window counts for the range by its start; its
-- time is cut at the range's borders, and where windows of its length cannot have come yet. What its windows
-- sum up to and its flows do not is missing here: a row that was lost on its way, or refused by the store.
WITH
  toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}) AS from_ms,
  toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}) AS to_ms,
  toUnixTimestamp64Milli(window_start) AS start_ms,
  toUnixTimestamp64Milli(window_end) AS end_ms,
  least(to_ms, {settled_ms:Int64} - toInt64(window_ms)) AS due_ms,
  window_start >= {from:DateTime64(3, 'UTC')} AS in_range,
  toStartOfMinute({from:DateTime64(3, 'UTC')} + toIntervalMillisecond(59999)) AS minutes_from,
  toStartOfMinute({to:DateTime64(3, 'UTC')}) AS minutes_to,
  told AS (
    SELECT
      host_name,
      environment,
      agent_instance,
      sum(greatest(0, least(end_ms, due_ms) - greatest(start_ms, from_ms))) AS received_ms,
      greatest(0, argMax(due_ms, window_start) - from_ms) AS asked_ms,
      max(end_ms) > from_ms AS heard,
      min(start_ms) AS first_ms,
      max(end_ms) AS last_ms,
      argMax(window_last, window_start) AS said_goodbye,
      sumIf(coverage_seen, in_range) AS seen,
      sumIf(coverage_kernel, in_range) AS kernel,
      maxIf(coverage_unreachable, in_range) AS unreachable,
      sumIf(attributed, in_range) AS owner_known,
      sumIf(attributable, in_range) AS owner_asked,
      sumMapIf(attribution, in_range) AS owners_by_attribution,
      sumIf(connections_opened, in_range) AS opened,
      sumIf(connections_ended, in_range) AS ended,
      sumMapIf(lost, in_range) AS lost_by_reason
    FROM windows
    WHERE window_start >= {from:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
    GROUP BY host_name, environment, agent_instance
    HAVING heard OR NOT said_goodbye
  ),
  -- Whole minutes from their sums, and what is left at the range's borders from windows.
  stored AS (
    SELECT
      host_name,
      environment,
      agent_instance,
      sum(opened) AS stored_opened,
      sum(ended) AS stored_ended
    FROM (
      SELECT
        host_name, environment, agent_instance, network_transport,
        connections_opened AS opened, connections_ended AS ended
      FROM flows_1m
      WHERE window_start >= minutes_from AND window_start < minutes_to
      UNION ALL
      SELECT
        host_name, environment, agent_instance, network_transport,
        connections_opened AS opened, connections_ended AS ended
      FROM flows
      WHERE window_start >= {from:DateTime64(3, 'UTC')}
        AND window_start < {to:DateTime64(3, 'UTC')}
        AND (window_start < minutes_from OR window_start >= minutes_to)
    )
    WHERE network_transport != 'udp'
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
    GROUP BY host_name, environment, agent_instance
  )
SELECT
  *,
  greatest(0, toInt64(opened) - toInt64(stored_opened)) AS opened_missing,
  greatest(0, toInt64(ended) - toInt64(stored_ended)) AS ended_missing
FROM told
LEFT JOIN stored USING (host_name, environment, agent_instance)
ORDER BY host_name, environment, agent_instance
