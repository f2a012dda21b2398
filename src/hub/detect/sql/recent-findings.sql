-- Told of lately: those that began, went on or ended.
SELECT finding
FROM findings FINAL
WHERE version >= {from:DateTime64(3, 'UTC')}
ORDER BY time, id
LIMIT {limit:UInt32}
