-- TCP in depth: segments, retransmissions by kind, round trips, what held the sender up, what waits for an
-- application.
ALTER TABLE {flows:Table} ADD COLUMN IF NOT EXISTS segments_sent UInt64,
  ADD COLUMN IF NOT EXISTS segments_received UInt64,
  ADD COLUMN IF NOT EXISTS retransmits_syn UInt64,
  ADD COLUMN IF NOT EXISTS retransmits_synack UInt64,
  ADD COLUMN IF NOT EXISTS retransmits_data UInt64,
  ADD COLUMN IF NOT EXISTS rtt_sum_ms Float64,
  ADD COLUMN IF NOT EXISTS rtt_count UInt64,
  ADD COLUMN IF NOT EXISTS rtt_min_ms Nullable(Float64),
  ADD COLUMN IF NOT EXISTS limited_ms_busy UInt64,
  ADD COLUMN IF NOT EXISTS limited_ms_peer_window UInt64,
  ADD COLUMN IF NOT EXISTS limited_ms_send_buffer UInt64,
  ADD COLUMN IF NOT EXISTS app_unread_bytes UInt64,
  ADD COLUMN IF NOT EXISTS app_unread_connections UInt64,
  ADD COLUMN IF NOT EXISTS app_waiting_connections UInt64,
  ADD COLUMN IF NOT EXISTS app_waiting_ms UInt64
