-- Who talks to whom. Both ends of a connection tell of it: they are one edge where each names the other, by
-- whose an address was at that time. Of an edge that both tell of the numbers are the source's: what never
-- arrived is in them.
WITH
  '' AS no_name,
  0 AS no_port,
  intDiv(toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}), {grain_ms:Int64}) * {grain_ms:Int64} AS from_ms,
  toUnixTimestamp64Milli({to:DateTime64(3, 'UTC')}) AS to_ms,
  -- An end is a network namespace of a host. Where another's address is a network only, whoever has the only
  -- addresses in it is meant.
  tellings AS (
    SELECT
      arrayJoin(
        multiIf(
          destination_scope != 'public', [destination_ip],
          network_type = 'ipv4',
          [destination_ip, concat(toString(IPv4CIDRToRange(toIPv4OrDefault(destination_ip), 24).1), '/24')],
          [destination_ip, concat(toString(IPv6CIDRToRange(toIPv6OrDefault(destination_ip), 48).1), '/48')]
        )
      ) AS ip,
      concat(host_name, '\0', environment, '\0', toString(network_namespace)) AS owner,
      toUnixTimestamp64Milli(window_start) AS begin_ms,
      toUnixTimestamp64Milli(window_end) AS end_ms,
      address_change = 'gone' AS is_gone,
      leadInFrame(address_change = 'gone', 1, false) OVER told AS is_next_gone,
      leadInFrame(toUnixTimestamp64Milli(window_end), 1, 0) OVER told AS next_end_ms
    FROM addresses
    WHERE time >= {from:DateTime64(3, 'UTC')} - toIntervalMillisecond({lapse_ms:Int64})
      AND time < {to:DateTime64(3, 'UTC')} + toIntervalMillisecond({grain_ms:Int64} + 60000)
      AND destination_ip_form != 'prefix'
    WINDOW told AS (
      PARTITION BY destination_ip, host_name, environment, network_namespace, agent_instance
      ORDER BY time, record_sequence
      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
  ),
  -- What was not told to be gone lapses. To whole buckets: who had it in any part of one had it.
  spans AS (
    SELECT
      ip,
      owner,
      intDiv(begin_ms, {grain_ms:Int64}) * {grain_ms:Int64} AS since,
      multiIf(
        is_gone, end_ms,
        is_next_gone, least(next_end_ms, end_ms + {lapse_ms:Int64}),
        end_ms + {lapse_ms:Int64}
      ) AS until_ms,
      (intDiv(until_ms - 1, {grain_ms:Int64}) + 1) * {grain_ms:Int64} AS until
    FROM tellings
  ),
  -- Who has an address, from each moment on at which that changes.
  owned AS (
    SELECT
      ip,
      since,
      owners,
      lagInFrame(owners) OVER (
        PARTITION BY ip ORDER BY since ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS owners_before
    FROM (
      SELECT DISTINCT
        ip,
        moment.1 AS since,
        sumMap(map(owner, moment.2)) OVER (PARTITION BY ip ORDER BY moment.1) AS tellers,
        mapKeys(mapFilter((of, count) -> count > 0, tellers)) AS owners
      FROM (SELECT ip, owner, arrayJoin([(since, 1), (until, -1)]) AS moment FROM spans)
    )
    QUALIFY owners != owners_before
  ),
  -- Rows need only be told apart by their time where the other end's address changed hands within the range.
  told AS (
    SELECT
      direction = 'egress' AS is_source,
      if(
        other_ip IN (SELECT ip FROM owned WHERE since > from_ms AND since < to_ms),
        intDiv(toUnixTimestamp64Milli(window_start), {grain_ms:Int64}) * {grain_ms:Int64}, from_ms
      ) AS bucket,
      host_name,
      environment,
      network_namespace,
      workload_name,
      process_name,
      network_transport,
      if({translated_ip:Identifier} = '', destination_ip, {translated_ip:Identifier}) AS ip,
      if({translated_port:Identifier} = 0, destination_port, {translated_port:Identifier}) AS port,
      if(is_source, ip, source_ip) AS other_ip,
      anyLast({name:Identifier}) AS other_name,
      sum(connections_opened + connections_adopted) AS begun,
      sum(flows.connections_established) AS established,
      sumIf(
        flows.connections_ended,
        connection_state IN ('refused', 'timed_out', 'unreachable', 'reset', 'failed')
      ) AS failed,
      sum(flows.connections_open_ms) AS open_ms,
      sum(flows.latency_sum_ms) AS latency_sum,
      sum(flows.latency_count) AS latencies,
      sum(flows.bytes_sent) AS sent,
      sum(flows.bytes_received) AS received
    FROM {flows:Identifier} AS flows
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
    GROUP BY
      is_source, bucket, host_name, environment, network_namespace, workload_name, process_name,
      network_transport, ip, port, other_ip
  ),
  -- A namespace's own address, and loopback, is itself: the kernel sends such packets nowhere else.
  named AS (
    SELECT
      told.*,
      concat(host_name, '\0', environment, '\0', toString(network_namespace)) AS self,
      startsWith(other_ip, '127.') OR other_ip = '::1' OR has(owned.owners, self) AS is_self,
      multiIf(is_self, self, length(owned.owners) = 1, owned.owners[1], '') AS other,
      NOT is_self AND length(owned.owners) > 1 AS is_ambiguous
    FROM told
    ASOF LEFT JOIN owned ON told.other_ip = owned.ip AND told.bucket >= owned.since
  ),
  parts AS (
    SELECT
      is_source,
      if(is_source, self, other) AS source,
      if(is_source, other, self) AS destination,
      network_transport,
      ip,
      port,
      if(other = '', other_ip, '') AS stranger,
      max(is_ambiguous) AS ambiguous,
      anyLast(other_name) AS name,
      (
        process_name, workload_name, sum(begun), sum(established), sum(failed), sum(open_ms),
        sum(latency_sum), sum(latencies), sum(sent), sum(received)
      )::Tuple(
        process String, workload String, begun UInt64, established UInt64, failed UInt64, open_ms UInt64,
        latency_sum Float64, latencies UInt64, sent UInt64, received UInt64
      ) AS part
    FROM named
    GROUP BY
      is_source, source, destination, network_transport, ip, port, stranger, workload_name, process_name
  ),
  pairs AS (
    SELECT
      source,
      destination,
      network_transport,
      ip,
      port,
      stranger,
      max(ambiguous) AS is_ambiguous,
      anyLast(name) AS stranger_name,
      groupArrayIf(part, is_source) AS sources,
      arrayReverseSort(p -> (p.established, p.begun, p.process), groupArrayIf(part, NOT is_source)) AS served,
      multiIf(empty(served), 'source', empty(sources), 'destination', 'both') AS seen_by,
      arraySum(p -> p.established, sources) > 0 AS is_established,
      -- Whoever else was served there, where its caller is not known to this end as the source tells it.
      argMax(served[1].process, (notEmpty(served), served[1].established)) OVER service AS serving_process,
      argMax(served[1].workload, (notEmpty(served), served[1].established)) OVER service AS serving_workload,
      max(empty(sources) AND stranger IN ('0.0.0.0/0', '::/0')) OVER service AS is_folded,
      max(empty(served) AND is_established) OVER service AS has_lost
    FROM parts
    GROUP BY source, destination, network_transport, ip, port, stranger
    WINDOW service AS (PARTITION BY destination, network_transport, port)
  ),
  edges AS (
    SELECT
      splitByChar('\0', source) AS from_end,
      splitByChar('\0', destination) AS to_end,
      arrayJoin(if(empty(sources), served, sources)) AS part,
      seen_by != 'destination' AS by_source,
      if(by_source, part.process, '') AS from_process,
      if(by_source, part.workload, '') AS from_workload,
      multiIf(
        NOT by_source, part.process, destination = '', '', notEmpty(served), served[1].process,
        serving_process
      ) AS to_process,
      multiIf(
        NOT by_source, part.workload, destination = '', '', notEmpty(served), served[1].workload,
        serving_workload
      ) AS to_workload,
      multiIf(
        seen_by = 'both', '',
        is_ambiguous, 'ambiguous',
        stranger IN ('0.0.0.0/0', '::/0'), 'folded',
        by_source AND destination = '', 'unowned',
        by_source AND NOT is_established, 'failed',
        by_source AND is_folded, 'folded',
        by_source, 'unjoined',
        source != '' OR has_lost, 'unjoined',
        'unowned'
      ) AS apart,
      network_transport, port, stranger, stranger_name, seen_by
    FROM pairs
  ),
  summed AS (
    SELECT
      from_end[1] AS `source.host`,
      from_end[2] AS `source.environment`,
      from_workload AS `source.workload`,
      from_process AS `source.process`,
      if(`source.host` = '', stranger, '') AS `source.ip`,
      to_end[1] AS `destination.host`,
      to_end[2] AS `destination.environment`,
      to_workload AS `destination.workload`,
      to_process AS `destination.process`,
      if(`destination.host` = '', stranger, '') AS `destination.ip`,
      if(`destination.host` = '', anyLast(stranger_name), '') AS `destination.name`,
      network_transport AS transport,
      port,
      seen_by,
      apart,
      sum(part.begun) AS connections,
      sum(part.established) AS established,
      sum(part.failed) AS failures,
      sum(part.open_ms) / {range_ms:Int64} AS open,
      sum(part.latency_sum) / nullIf(sum(part.latencies), 0) AS latency_ms,
      sum(if(by_source, part.sent, part.received)) AS bytes_sent,
      sum(if(by_source, part.received, part.sent)) AS bytes_received
    FROM edges
    GROUP BY
      `source.host`, `source.environment`, `source.workload`, `source.process`, `source.ip`,
      `destination.host`, `destination.environment`, `destination.workload`, `destination.process`,
      `destination.ip`, transport, port, seen_by, apart
  )
SELECT
  *,
  count() OVER () AS all_edges,
  sum(connections) OVER () AS all_connections,
  countIf(seen_by = 'both') OVER () AS joined_edges,
  sumIf(connections, seen_by = 'both') OVER () AS joined_connections,
  countIf(apart = 'unjoined') OVER () AS unjoined_edges,
  sumIf(connections, apart = 'unjoined') OVER () AS unjoined_connections,
  countIf(apart = 'ambiguous') OVER () AS ambiguous_edges,
  sumIf(connections, apart = 'ambiguous') OVER () AS ambiguous_connections
FROM summed
ORDER BY
  connections DESC, `source.host`, `source.process`, `source.ip`, `destination.host`, `destination.process`,
  `destination.ip`, port, transport, seen_by, apart
LIMIT {limit:UInt32}
