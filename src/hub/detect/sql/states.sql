-- What it knows of its keys; where there are too many, of those seen last.
SELECT key, state
FROM detector_state FINAL
WHERE question = {question:String} AND revision = {revision:String} AND key != ''
ORDER BY time DESC, key
LIMIT {keys_max:UInt32}
