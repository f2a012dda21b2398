-- Every agent that was ever heard, and what it told of the range.
WITH
  toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}) AS from_ms,
  toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}) AS to_ms,
  told AS (
    SELECT
      host_name,
      environment,
      agent_instance,
      sum(window_ms) AS received_ms,
      sum(coverage_seen) AS seen,
      sum(coverage_kernel) AS kernel,
      sum(attributed) AS owners_known,
      sum(attributable) AS owners_asked
    FROM {windows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')} AND window_start < {to:DateTime64(3, 'UTC')}
    GROUP BY host_name, environment, agent_instance
  )
SELECT
  host_name AS `host.name`,
  environment,
  agent_instance AS `agent.instance`,
  agent_id AS `agent.id`,
  agent_version AS `agent.version`,
  boot_id AS `boot.id`,
  first_seen,
  last_seen,
  window_last AS stopped,
  clock_offset_ms,
  clock_correction_ms,
  greatest(from_ms, toUnixTimestamp64Milli(nodes_now.first_seen)) AS since_ms,
  least(1, received_ms / greatest(1, to_ms - since_ms)) AS seconds,
  seen / nullIf(greatest(kernel, seen), 0) AS connections,
  owners_known / nullIf(owners_asked, 0) AS attribution
FROM nodes_now
LEFT JOIN told USING (host_name, environment, agent_instance)
WHERE {environment:String} IN ('', environment)
ORDER BY host_name, environment, agent_instance
LIMIT {limit:UInt32}
