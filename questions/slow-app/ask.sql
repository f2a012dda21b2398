-- One row per process and destination, with the time that its connections lost, by what held them up. Counts
-- are exact, times lost are estimates from what each window says of the connections that it looked at.
WITH
  -- Who may have lost the most, by what it can be at most; then, for those only, what it was.
  chosen AS (
    SELECT host_name, environment, workload_name, process_name, direction, destination_ip, destination_port
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND network_transport != 'udp'
      AND {host:String} IN ('', host_name)
      AND {environment:String} IN ('', environment)
      AND ({own:Bool} OR workload_name != 'sonde')
      AND process_name LIKE {process:String}
      AND toIPv6OrDefault(splitByChar('/', destination_ip)[1])
        BETWEEN {destination_first:IPv6} AND {destination_last:IPv6}
      AND {port:UInt16} IN (0, destination_port)
      AND {direction:String} IN ('any', direction)
      AND connection_established
    GROUP BY
      host_name, environment, workload_name, process_name, direction, destination_ip, destination_port
    ORDER BY
      sum(latency_sum_ms + limited_ms_busy + app_waiting_connections * app_waiting_ms)
        + sum(app_unread_connections) * 10000 DESC,
      destination_ip, destination_port, process_name, host_name, environment, direction, workload_name
    LIMIT 3 * {limit:UInt32}
  ),
  buckets AS (
    WITH
      -- How long one look stands for: the window's length, where connections stayed open.
      if(connections_open_ms > 0 AND rtt_count > 0, connections_open_ms / rtt_count, 10000.0) AS look_ms
    SELECT
      host_name, environment, workload_name, process_name, direction, destination_ip, destination_port,
      intDiv(
        toUnixTimestamp64Milli(window_start) - toUnixTimestamp64Milli({from:DateTime64(3, 'UTC')}),
        {bucket_ms:UInt64}
      ) AS bucket,
      sum(latency_sum_ms) AS handshakes_ms,
      sum(latency_count) AS handshakes,
      sum(rtt_sum_ms) AS rtts_ms,
      sum(rtt_count) AS rtts,
      min(rtt_min_ms) AS rtt_least_ms,
      sum(limited_ms_busy) AS busy_ms,
      sum(limited_ms_peer_window) AS peer_window_ms,
      sum(limited_ms_send_buffer) AS send_buffer_ms,
      sum(retransmits_data) AS data_again,
      sum(retransmits_syn + retransmits_synack) AS handshakes_again,
      sum(segments_sent) AS segments,
      sum(app_waiting_connections) AS waiting,
      max(app_waiting_ms) AS waiting_longest_ms,
      sum(app_unread_bytes) AS unread_bytes,
      sum(app_waiting_connections * least(look_ms, toFloat64(app_waiting_ms))) AS owed_ms,
      -- What is unread, of what came in that time: how far the reader is behind.
      sum(app_unread_connections * look_ms * least(1.0, app_unread_bytes / greatest(bytes_received, 1)))
        AS unread_ms,
      sum(connections_ended) AS ended,
      sum(bytes_sent) AS sent,
      sum(bytes_received) AS received,
      sumMap(map(connection_state, connections_ended)) AS states,
      min(window_start) AS first_start,
      max(window_start) AS last_start
    FROM {flows:Identifier}
    WHERE window_start >= {from:DateTime64(3, 'UTC')}
      AND window_start < {to:DateTime64(3, 'UTC')}
      AND network_transport != 'udp'
      AND connection_established
      AND (
        host_name, environment, workload_name, process_name, direction, destination_ip, destination_port
      ) IN chosen
    GROUP BY
      host_name, environment, workload_name, process_name, direction, destination_ip, destination_port,
      bucket
  ),
  -- Per bucket: how much slower than it may be the path is, and what loss costs, of the time in which there
  -- was something to send and neither window nor buffer forbade it.
  paths AS (
    SELECT
      *,
      rtts_ms / nullIf(rtts, 0) AS rtt_ms,
      least(handshakes_ms, handshakes * coalesce(rtt_least_ms, 0.0)) AS needed_ms,
      greatest(0.0, toFloat64(busy_ms) - peer_window_ms - send_buffer_ms) AS sending_ms,
      coalesce(greatest(0.0, 1 - {rtt:UInt64} / nullIf(rtt_ms, 0)), 0.0) AS slowness
    FROM buckets
  ),
  losses AS (
    SELECT
      *,
      -- One retransmission in a hundred segments or more means timers; fewer are repaired in a round trip.
      least(sending_ms, data_again * if(data_again * 100 >= segments, 200.0, coalesce(rtt_ms, 0.0)))
        AS loss_ms,
      (sending_ms - loss_ms + needed_ms) * slowness AS path_ms,
      handshakes_ms - needed_ms AS handshake_ms
    FROM paths
  ),
  totals AS (
    SELECT
      host_name, environment, workload_name, process_name, direction, destination_ip, destination_port,
      sum(handshake_ms) AS handshake_ms,
      sum(path_ms) AS path_ms,
      sum(loss_ms) AS loss_ms,
      sum(peer_window_ms) AS peer_window_ms,
      sum(send_buffer_ms) AS send_buffer_ms,
      sum(owed_ms) AS owed_ms,
      sum(unread_ms) AS unread_ms,
      sumMap(map(
        bucket,
        losses.handshake_ms + losses.path_ms + losses.loss_ms + losses.peer_window_ms
          + losses.send_buffer_ms + losses.owed_ms + losses.unread_ms
      )) AS lost_by_bucket,
      sum(handshakes_ms) / nullIf(sum(handshakes), 0) AS latency_mean_ms,
      sum(rtts_ms) / nullIf(sum(rtts), 0) AS rtt_mean_ms,
      min(rtt_least_ms) AS rtt_least_ms,
      sum(busy_ms) AS busy_ms,
      sum(data_again) AS data_again,
      sum(handshakes_again) AS handshakes_again,
      sum(segments) AS segments,
      sum(waiting) AS waiting,
      max(waiting_longest_ms) AS waiting_longest_ms,
      sum(unread_bytes) / nullIf(sum(rtts), 0) AS unread_mean_bytes,
      sum(ended) AS ended,
      sum(sent) AS sent,
      sum(received) AS received,
      sumMap(states) AS states,
      min(first_start) AS first_start,
      max(last_start) AS last_start
    FROM losses
    GROUP BY host_name, environment, workload_name, process_name, direction, destination_ip, destination_port
  ),
  -- Told with every window while the first connection in the queue has waited for a second or more.
  queues AS (
    SELECT
      host_name, environment, process_name,
      'ingress' AS direction,
      destination_port,
      sum(least(assumeNotNull(listener_waiting_ms), 10000)) AS queue_ms,
      max(assumeNotNull(listener_waiting_ms)) AS queue_longest_ms
    FROM {listeners:Identifier}
    WHERE time >= {from:DateTime64(3, 'UTC')}
      AND time < {to:DateTime64(3, 'UTC')}
      AND listener_waiting_ms > 0
    GROUP BY host_name, environment, process_name, destination_port
  ),
  causes AS (
    SELECT
      *,
      -- What nobody reads because nobody has accepted the connection.
      if(queue_ms > 0, queue_ms + unread_ms, 0.0) AS accept_queue_ms,
      owed_ms + if(queue_ms > 0, 0.0, unread_ms) AS app_ms,
      [
        (handshake_ms, 'handshake', 'between'),
        (path_ms, 'path', 'between'),
        (loss_ms, 'loss', 'between'),
        (toFloat64(peer_window_ms), 'peer_window', 'other_end'),
        (toFloat64(send_buffer_ms), 'send_buffer', 'this_process'),
        (app_ms, 'app', if(direction = 'egress' AND owed_ms >= unread_ms, 'other_end', 'this_process')),
        (toFloat64(accept_queue_ms), 'accept_queue', 'this_process')
      ] AS by_cause,
      arraySum(part -> part.1, by_cause) AS lost_ms,
      arrayReverseSort(by_cause)[1] AS worst
    FROM totals
    LEFT JOIN queues USING (host_name, environment, process_name, direction, destination_port)
  )
SELECT
  process_name AS `process.name`,
  host_name AS `host.name`,
  direction,
  destination_ip AS `destination.ip`,
  destination_port AS `destination.port`,
  if(causes.lost_ms < {min:UInt64}, 'none', worst.2) AS cause,
  if(cause = 'none', '', worst.3) AS `where`,
  causes.lost_ms AS lost_ms,
  worst.1 / nullIf(causes.lost_ms, 0) AS share,
  arrayMap(i -> lost_by_bucket[i], range({buckets:UInt64})) AS over_time,
  rtt_mean_ms AS rtt_ms,
  rtt_least_ms AS rtt_min_ms,
  latency_mean_ms AS latency_ms,
  data_again / nullIf(segments, 0) AS `retransmits.share`,
  if(waiting > 0, waiting_longest_ms, NULL) AS `app.waiting_ms`,
  unread_mean_bytes AS `app.unread_bytes`,
  if(queue_ms > 0, queue_longest_ms, NULL) AS `listener.waiting_ms`,
  causes.handshake_ms AS `lost.handshake_ms`,
  causes.path_ms AS `lost.path_ms`,
  causes.loss_ms AS `lost.loss_ms`,
  causes.peer_window_ms AS `lost.peer_window_ms`,
  causes.send_buffer_ms AS `lost.send_buffer_ms`,
  causes.app_ms AS `lost.app_ms`,
  causes.accept_queue_ms AS `lost.accept_queue_ms`,
  busy_ms AS `limited_ms.busy`,
  data_again AS `retransmits.data`,
  handshakes_again AS `retransmits.handshake`,
  ended AS `connections.ended`,
  sent AS `bytes.sent`,
  received AS `bytes.received`,
  first_start AS first_seen,
  last_start AS last_seen,
  if(ended > 0, arrayReverseSort((state, n) -> (n, state), mapKeys(states), mapValues(states))[1], 'open')
    AS `connection.state`,
  workload_name AS `workload.name`,
  environment
FROM causes
ORDER BY
  causes.lost_ms DESC,
  `destination.ip`, `destination.port`, `process.name`, `host.name`, direction, environment, `workload.name`
LIMIT {limit:UInt32}
