-- What it knows of its keys; where there are too many, of those seen last. Under the empty key, and first of
-- its time, how far it has come.
SELECT key, state, toUnixTimestamp64Milli(time) AS until
FROM detector_state FINAL
WHERE question = {question:String} AND revision = {revision:String}
ORDER BY time DESC, key
LIMIT {keys_max:UInt32} + 1
