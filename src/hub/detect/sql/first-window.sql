SELECT toUnixTimestamp64Milli(min(window_start)) AS first
FROM windows
WHERE window_start >= {from:DateTime64(3, 'UTC')}
HAVING count() > 0
