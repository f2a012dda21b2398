SELECT level, max(toUnixTimestamp64Milli(until)) AS until_ms
FROM dropped
GROUP BY level
