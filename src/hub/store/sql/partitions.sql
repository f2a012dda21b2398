-- Parts that are not active are deleted before long.
SELECT
  table,
  partition_id AS partition,
  sumIf(bytes_on_disk, active) AS bytes,
  sumIf(bytes_on_disk, NOT active) AS leaving
FROM system.parts
WHERE database = currentDatabase()
GROUP BY table, partition
