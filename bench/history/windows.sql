-- The closing records of these windows.
INSERT INTO windows
(
  window_start, window_end, window_number, host_name, environment, agent_instance, boot_id, record_sequence,
  window_ms, window_records, attributed, attributable, coverage_seen, coverage_kernel, received_at
)
WITH number % {hosts:UInt32} AS host, {first:UInt32} + intDiv(number, {hosts:UInt32}) AS at
SELECT
  toDateTime64({from:DateTime64(3, 'UTC')}, 3, 'UTC') + toIntervalSecond(10 * at) AS start,
  start + toIntervalSecond(10), at + 1, concat('node-', toString(host)), 'production', 'main',
  concat('boot-', toString(host)), (at + 1) * ({slots:UInt32} + 1), 10000, {slots:UInt32}, {slots:UInt32},
  {slots:UInt32}, 500, 500, start + toIntervalSecond(11)
FROM numbers({rows:UInt64})
