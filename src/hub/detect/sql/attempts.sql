-- What became of telling findings, lately.
SELECT question, id, event, target, toUnixTimestamp64Milli(time) AS at_ms, hub, result
FROM deliveries
WHERE time >= {from:DateTime64(3, 'UTC')}
ORDER BY time, hub
