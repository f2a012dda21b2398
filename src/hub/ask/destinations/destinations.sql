-- One row per workload, process and destination (name, address, port, transport) that it opened connections
-- to, and by which expectation it is covered on all nodes. Pods and owners are in windows as they came;
-- before these, in whole hours, an address has the name that it had last.
WITH
  (SELECT min(window_start) FROM names_1h WHERE window_start >= {from:DateTime64(3, 'UTC')}) AS names_start,
  facts AS (
    SELECT
      environment, process_name, destination_ip,
      (max(told).name, max(told).source) AS last_name
    FROM names_1h
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {environment:String} IN ('', environment)
      AND direction = 'egress'
    GROUP BY environment, process_name, destination_ip
  ),
  -- Who serves at an address of a pod.
  peers AS (
    SELECT
      environment, destination_ip AS peer_ip, destination_port AS peer_port,
      argMax((k8s_namespace, workload_name, labels), window_start) AS peer
    FROM flows
    WHERE window_start >= {kept_from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {environment:String} IN ('', environment)
      AND direction = 'ingress'
      AND k8s_namespace != ''
    GROUP BY environment, peer_ip, peer_port
  ),
  opened AS (
    SELECT
      environment, workload_name, process_name, host_name, destination_ip, destination_port,
      network_transport,
      destination_name AS own_name,
      max(destination_name_source) AS own_source,
      argMax(destination_translated_ip, window_start) AS translated_ip,
      argMax(destination_translated_port, window_start) AS translated_port,
      k8s_namespace AS own_namespace,
      argMax((workload_owner, labels), window_start) AS source,
      sum(connections_opened) AS connections,
      sum(flows.connections_established) AS established,
      sum(flows.bytes_received) AS received,
      groupUniqArray(toRelativeDayNum(window_start)) AS days,
      min(window_start) AS first_start,
      max(window_start) AS last_start
    FROM flows
    WHERE window_start >= {kept_from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND workload_name LIKE {workload:String}
      AND process_name LIKE {process:String}
      AND direction = 'egress'
    GROUP BY
      environment, workload_name, process_name, host_name, destination_ip, destination_port,
      network_transport, own_name, own_namespace
    UNION ALL
    SELECT
      environment, workload_name, process_name, host_name, destination_ip, destination_port,
      network_transport,
      '' AS own_name, '' AS own_source, '' AS translated_ip, 0 AS translated_port, '' AS own_namespace,
      ('', CAST(map(), 'Map(LowCardinality(String), String)')) AS source,
      sum(connections_opened) AS connections,
      sum(flows_1h.connections_established) AS established,
      sum(flows_1h.bytes_received) AS received,
      groupUniqArray(toRelativeDayNum(window_start)) AS days,
      min(window_start) AS first_start,
      max(window_start) AS last_start
    FROM flows_1h
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {kept_from:DateTime64(3, 'UTC')}
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND workload_name LIKE {workload:String}
      AND process_name LIKE {process:String}
      AND direction = 'egress'
    GROUP BY
      environment, workload_name, process_name, host_name, destination_ip, destination_port,
      network_transport
  ),
  held AS (
    SELECT
      *,
      if(own_name != '', (own_name, own_source), last_name) AS name_of,
      name_of.1 AS name,
      toIPv6OrDefault(splitByChar('/', destination_ip)[1]) AS far_ip,
      arrayFirst(
        target -> target.transport IN ('', network_transport)
          AND (
            empty(target.ports)
            OR arrayExists(ports -> destination_port BETWEEN ports.1 AND ports.2, target.ports)
          )
          AND (
            arrayExists(pattern -> name != '' AND lower(name) LIKE pattern, target.names)
            OR arrayExists(network -> far_ip BETWEEN network.1 AND network.2, target.networks)
          ),
        allowed
      ).label AS allowed_by
    FROM opened
    LEFT JOIN facts USING (environment, process_name, destination_ip)
    LEFT JOIN expected_by(
      digest = {expectations:String}, from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')}
    ) AS bound USING (environment, workload_name, process_name, host_name)
  )
SELECT
  held.environment AS environment,
  workload_name AS workload,
  process_name AS process,
  own_namespace AS namespace,
  max(source.1) AS owner,
  argMax(source.2, (notEmpty(source.2), last_start)) AS labels,
  name,
  max(name_of.2) AS name_source,
  destination_ip AS ip,
  destination_port AS port,
  network_transport AS transport,
  sum(connections) AS connections_opened,
  sum(held.established) AS connections_established,
  sum(held.received) AS bytes_received,
  arraySort(groupUniqArrayArray(held.days)) AS days,
  uniqExact(host_name) AS nodes,
  min(first_start) AS first_seen,
  max(last_start) AS last_seen,
  max(max(name) != '') OVER (PARTITION BY environment) AS are_names_known,
  any(names_start) AS names_from,
  if(min(allowed_by) = '', '', max(allowed_by)) AS expectation,
  argMax(translated_port, (translated_ip != '', last_start)) AS pod_port,
  argMax(peer.1, last_start) AS peer_namespace,
  argMax(peer.2, last_start) AS peer_workload,
  argMax(peer.3, last_start) AS peer_labels
FROM held
LEFT JOIN peers
  ON peers.environment = held.environment
  AND peers.peer_ip = if(translated_ip = '', destination_ip, translated_ip)
  AND peers.peer_port = if(translated_port = 0, destination_port, translated_port)
WHERE NOT startsWith(destination_ip, '127.')
  AND destination_ip NOT IN ('::1', '0.0.0.0/0', '::/0')
  AND NOT match(destination_ip, '^(2[23]\\d\\.|255\\.|ff[0-9a-f]{2}:)')
GROUP BY environment, workload, process, namespace, name, ip, port, transport
HAVING connections_opened > 0
ORDER BY environment, workload, process, namespace, name, ip, port, transport
LIMIT {limit:UInt32}
