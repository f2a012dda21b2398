-- The same from a rollup of the windows, for ranges of whole buckets. Whether a node that was heard only
-- before the range said goodbye is known of its newest window; a node that was heard again since is expected.
-- An agent's first and last bucket are not whole: when it was first and last heard is known of all its
-- windows.
WITH
  toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}) AS from_ms,
  toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}) AS to_ms,
  window_start >= {from:DateTime64(3, 'UTC')} AS in_range,
  gone AS (
    SELECT host_name, environment, agent_instance
    FROM nodes_now
    WHERE window_last AND last_seen <= {to:DateTime64(3, 'UTC')}
  ),
  told AS (
    SELECT
      host_name,
      environment,
      agent_instance,
      sumIf(window_ms, in_range) AS received_ms,
      greatest(0, least(to_ms, {settled_ms:Int64}) - from_ms) AS asked_ms,
      countIf(in_range) > 0 AS heard,
      min(toUnixTimestamp64Milli(window_start)) AS first_bucket_ms,
      max(toUnixTimestamp64Milli(window_start)) + {grain_ms:Int64} AS last_bucket_ms,
      (host_name, environment, agent_instance) IN gone AS said_goodbye,
      sumIf(coverage_seen, in_range) AS seen,
      sumIf(coverage_kernel, in_range) AS kernel,
      maxIf(coverage_unreachable, in_range) AS unreachable,
      sumIf(attributed, in_range) AS owner_known,
      sumIf(attributable, in_range) AS owner_asked,
      map() AS owners_by_attribution,
      sumIf(connections_opened, in_range) AS opened,
      sumIf(connections_ended, in_range) AS ended,
      map() AS lost_by_reason
    FROM {windows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
    GROUP BY host_name, environment, agent_instance
    HAVING heard OR NOT said_goodbye
  ),
  stored AS (
    SELECT
      host_name,
      environment,
      agent_instance,
      sum(connections_opened) AS stored_opened,
      sum(connections_ended) AS stored_ended
    FROM {flows:Identifier}
    WHERE network_transport != 'udp'
      AND window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
    GROUP BY host_name, environment, agent_instance
  )
SELECT
  *,
  greatest(first_bucket_ms, toUnixTimestamp64Milli(first_seen)) AS first_ms,
  least(last_bucket_ms, greatest(first_bucket_ms, toUnixTimestamp64Milli(last_seen))) AS last_ms,
  greatest(0, toInt64(opened) - toInt64(stored_opened)) AS opened_missing,
  greatest(0, toInt64(ended) - toInt64(stored_ended)) AS ended_missing
FROM told
LEFT JOIN nodes_now USING (host_name, environment, agent_instance)
LEFT JOIN stored USING (host_name, environment, agent_instance)
ORDER BY host_name, environment, agent_instance
