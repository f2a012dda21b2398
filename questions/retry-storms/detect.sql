-- Per step and caller: attempts and how many came about, in steps in which some did not. Nodes are together:
-- a storm of a hundred replicas is one.
WITH
  steps AS (
    SELECT
      intDiv(toUnixTimestamp64Milli(window_start), {step_ms:UInt64}) AS step,
      environment, workload_name, process_name, destination_ip, destination_port,
      sum(connections_established) AS established,
      established + sumIf(connections_ended, NOT connection_established) AS attempts,
      groupUniqArrayIf(host_name, NOT connection_established AND connections_ended > 0) AS hosts
    FROM flows
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND direction = 'egress'
      AND network_transport != 'udp'
      AND workload_name != 'sonde'
    GROUP BY step, environment, workload_name, process_name, destination_ip, destination_port
    HAVING attempts > established
  ),
  -- Failed attempts that were told singly, by when they began; of each caller the process with the most.
  gaps AS (
    SELECT
      step, environment, workload_name, process_name, destination_ip, destination_port,
      sum(length(begun)) AS told,
      argMax(
        arraySort(begun),
        (length(begun), host_name, process_pid)
      ) AS times,
      arrayPopFront(arrayDifference(times)) AS gaps_ms,
      arrayReduce('avg', gaps_ms) AS mean_ms,
      arrayReduce('stddevPop', gaps_ms) / nullIf(mean_ms, 0) AS variation,
      arrayReduce('median', arrayMap(
        (gap, before) -> gap / greatest(before, 1),
        arrayPopFront(gaps_ms), arrayPopBack(gaps_ms)
      )) AS ratio
    FROM (
      SELECT
        intDiv(toUnixTimestamp64Milli(time), {step_ms:UInt64}) AS step,
        environment, workload_name, process_name, destination_ip, destination_port, host_name, process_pid,
        groupArray(1000)(
          toUnixTimestamp64Milli(time) - toInt64(coalesce(connection_duration_ms, latency_ms, 0))
        ) AS begun
      FROM connection_events
      WHERE time >= {from:DateTime64(3, 'UTC')}
        AND time < {to:DateTime64(3, 'UTC')}
        AND direction = 'egress'
        AND network_transport != 'udp'
        AND NOT connection_established
        AND workload_name != 'sonde'
      GROUP BY
        step, environment, workload_name, process_name, destination_ip, destination_port, host_name,
        process_pid
    )
    GROUP BY step, environment, workload_name, process_name, destination_ip, destination_port
  )
SELECT
  step,
  environment,
  workload_name AS `workload.name`,
  process_name AS `process.name`,
  destination_ip AS `destination.ip`,
  toString(destination_port) AS `destination.port`,
  attempts,
  established,
  length(groupUniqArrayArray(hosts) OVER same) AS nodes,
  uniqExact(if(workload_name = '', process_name, workload_name)) OVER same AS workloads,
  told,
  length(gaps_ms) AS gaps,
  variation AS gap_variation,
  ratio AS gap_ratio
FROM steps
LEFT JOIN gaps USING (step, environment, workload_name, process_name, destination_ip, destination_port)
WINDOW same AS (PARTITION BY step, environment, destination_ip, destination_port)
ORDER BY step, environment, workload_name, process_name, destination_ip, destination_port
