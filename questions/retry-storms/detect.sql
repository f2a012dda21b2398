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
  uniqExact(if(workload_name = '', process_name, workload_name)) OVER same AS workloads
FROM steps
WINDOW same AS (PARTITION BY step, environment, destination_ip, destination_port)
ORDER BY step, environment, workload_name, process_name, destination_ip, destination_port
