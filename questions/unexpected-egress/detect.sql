-- Per step, client and process: the destination groups that it opened connections to. A client is a workload,
-- on all its nodes; without one a process of that name, without that a host. A group is a port of a
-- registered domain, an organization or a network, as in ask.sql, and so is what is expected.
WITH
  bound AS (
    SELECT
      environment, workload_name, process_name, host_name, k8s_namespace,
      groupArrayArray(targets) AS allowed
    FROM (
      SELECT environment, workload_name, process_name, host_name, k8s_namespace, number
      FROM (
        SELECT DISTINCT environment, workload_name, process_name, host_name, k8s_namespace
        FROM flows
        WHERE {expectations:String} != ''
          AND window_start >= {from:DateTime64(3, 'UTC')}
          AND window_start < {to:DateTime64(3, 'UTC')}
          AND direction = 'egress'
          AND connections_opened > 0
      ) AS whom
      CROSS JOIN (
        SELECT number, environment AS environments, workload, process, host, namespace
        FROM expectations
        WHERE digest = {expectations:String}
        LIMIT 1 BY number
      ) AS patterns
      WHERE (environments = '%' OR environment LIKE environments)
        AND (workload = '%' OR workload_name LIKE workload)
        AND (process = '%' OR process_name LIKE process)
        AND (host = '%' OR host_name LIKE host)
        AND (namespace = '%' OR k8s_namespace LIKE namespace)
    ) AS meant
    JOIN (
      SELECT number, label, targets
      FROM expectations
      WHERE digest = {expectations:String}
      LIMIT 1 BY number
    ) AS entries USING (number)
    GROUP BY environment, workload_name, process_name, host_name, k8s_namespace
  )
SELECT
  intDiv(toUnixTimestamp64Milli(window_start), {step_ms:UInt64}) AS step,
  environment,
  multiIf(
    workload_name != '', workload_name,
    process_name NOT IN ('', 'unknown'), process_name,
    host_name
  ) AS client,
  workload_name AS `workload.name`,
  process_name AS `process.name`,
  multiIf(
    startsWith(destination_name_source, 'dns') AND cutToFirstSignificantSubdomain(destination_name) != '',
    cutToFirstSignificantSubdomain(destination_name),
    destination_name != '', destination_name,
    destination_as_org != '', destination_as_org,
    isIPv4String(destination_ip),
    concat(arrayStringConcat(arraySlice(splitByChar('.', destination_ip), 1, 3), '.'), '.0/24'),
    isIPv6String(destination_ip),
    concat(toString(IPv6CIDRToRange(toIPv6OrDefault(destination_ip), 48).1), '/48'),
    destination_ip
  ) AS `destination.group`,
  toString(destination_port) AS `destination.port`,
  sum(connections_opened) AS opened,
  uniqExact(host_name) AS hosts,
  sum(bytes_sent) AS sent,
  max(destination_as_org) AS org,
  -- What a deployment is known by, and peers.
  arrayStringConcat(
    arraySlice(arraySort(groupUniqArrayIf(container_image, container_image != '')), 1, 8),
    ' '
  ) AS images,
  -- A public address that nobody looked up, where lookups are known.
  toUInt8(
    max(destination_name) = '' AND max(destination_scope) = 'public'
    AND max(max(destination_name)) OVER (PARTITION BY step, environment) != ''
  ) AS nameless,
  toUInt8(min(arrayExists(
    target -> target.transport IN ('', network_transport)
      AND (
        empty(target.ports)
        OR arrayExists(ports -> flows.destination_port BETWEEN ports.1 AND ports.2, target.ports)
      )
      AND (
        arrayExists(pattern -> destination_name != '' AND lower(destination_name) LIKE pattern, target.names)
        OR arrayExists(
          network -> toIPv6OrDefault(splitByChar('/', destination_ip)[1]) BETWEEN network.1 AND network.2,
          target.networks
        )
      ),
    allowed
  ))) AS expected
FROM flows
LEFT JOIN bound USING (environment, workload_name, process_name, host_name, k8s_namespace)
WHERE window_start >= {from:DateTime64(3, 'UTC')}
  AND window_start < {to:DateTime64(3, 'UTC')}
  AND direction = 'egress'
  AND connections_opened > 0
  AND workload_name != 'sonde'
  AND NOT startsWith(destination_ip, '127.')
  AND destination_ip NOT IN ('::1', '0.0.0.0/0', '::/0')
  AND NOT match(destination_ip, '^(2[23]\\d\\.|255\\.|ff[0-9a-f]{2}:)')
GROUP BY step, environment, client, workload_name, process_name, `destination.group`, destination_port
ORDER BY step, environment, client, workload_name, process_name, `destination.group`, destination_port
