-- Per step and source: whom it met for the first time, and who of these answered; of sources with three
-- failed contacts in the step at least. A source is a process on a host; of what comes in it is a private
-- address.
WITH
  connection_state IN ('refused', 'timed_out', 'unreachable', 'canceled') AND NOT connection_established
    AS is_failure,
  if(direction = 'egress', host_name, '') AS by_host,
  if(direction = 'egress', workload_name, '') AS by_workload,
  if(direction = 'egress', process_name, '') AS by_process,
  intDiv(toUnixTimestamp64Milli(window_start), {step_ms:UInt64}) AS at,
  contacts AS (
    SELECT
      at AS step,
      environment, direction,
      by_host AS from_host, by_workload AS from_workload, by_process AS from_process,
      source_ip, destination_ip, destination_port,
      max(connection_established) AS is_reached,
      max(is_failure) AS is_failed,
      -- As the pressure of a storm is measured: twenty in vain, and at least as many as came about.
      sumIf(connections_ended, is_failure) AS in_vain,
      in_vain >= 20 AND in_vain >= sum(connections_established) AS is_stormed
    FROM flows
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND workload_name != 'sonde'
      AND (direction = 'egress' OR arrayExists(
        network -> isIPAddressInRange(toString(toIPv6OrDefault(splitByChar('/', source_ip)[1])), network),
        [
          '::ffff:10.0.0.0/104', '::ffff:172.16.0.0/108', '::ffff:192.168.0.0/112',
          '::ffff:100.64.0.0/106', '::ffff:169.254.0.0/112', 'fc00::/7', 'fe80::/10'
        ]
      ))
      AND NOT startsWith(source_ip, '127.')
    GROUP BY
      step, environment, direction, from_host, from_workload, from_process, source_ip,
      destination_ip, destination_port
    HAVING is_reached OR is_failed
  ),
  suspects AS (
    SELECT
      step, environment, direction, from_host, from_workload, from_process, source_ip,
      countIf(is_stormed) AS stormed
    FROM contacts
    GROUP BY step, environment, direction, from_host, from_workload, from_process, source_ip
    HAVING countIf(NOT is_reached) >= 3
  ),
  -- Whom they met before: in whole hours of a week, and then in what is left.
  known AS (
    SELECT
      environment, direction, from_host, from_process, source_ip, destination_ip, destination_port,
      min(met) AS first_at
    FROM (
      SELECT
        environment, direction, by_host AS from_host, by_process AS from_process, source_ip,
        destination_ip, destination_port,
        min(at) AS met
      FROM flows_1h
      WHERE window_start >= {from:DateTime64(3, 'UTC')} - toIntervalDay(7)
        AND window_start < toStartOfHour({from:DateTime64(3, 'UTC')})
        AND (environment, direction, by_host, by_process, source_ip) IN (
          SELECT environment, direction, from_host, from_process, source_ip FROM suspects
        )
      GROUP BY environment, direction, from_host, from_process, source_ip, destination_ip, destination_port
      UNION ALL
      SELECT
        environment, direction, by_host AS from_host, by_process AS from_process, source_ip,
        destination_ip, destination_port,
        min(at) AS met
      FROM flows
      WHERE window_start >= toStartOfHour({from:DateTime64(3, 'UTC')})
        AND window_start < {to:DateTime64(3, 'UTC')}
        AND (environment, direction, by_host, by_process, source_ip) IN (
          SELECT environment, direction, from_host, from_process, source_ip FROM suspects
        )
      GROUP BY environment, direction, from_host, from_process, source_ip, destination_ip, destination_port
    )
    GROUP BY environment, direction, from_host, from_process, source_ip, destination_ip, destination_port
  )
SELECT
  contacts.step AS step,
  environment,
  direction,
  from_host AS `host.name`,
  from_workload AS `workload.name`,
  from_process AS `process.name`,
  source_ip AS `source.ip`,
  countIf(NOT is_reached) AS failed,
  countIf(is_reached) AS reached,
  uniqExactIf(destination_ip, NOT is_reached) AS destinations,
  uniqExactIf(destination_port, NOT is_reached) AS ports,
  any(stormed) AS storms
FROM contacts
INNER JOIN suspects USING (
  step, environment, direction, from_host, from_workload, from_process, source_ip
)
LEFT JOIN known USING (
  environment, direction, from_host, from_process, source_ip, destination_ip, destination_port
)
WHERE first_at >= contacts.step
GROUP BY step, environment, direction, from_host, from_workload, from_process, source_ip
ORDER BY step, environment, direction, from_host, from_workload, from_process, source_ip
