-- How far a detector has come, and what it says of itself.
SELECT toUnixTimestamp64Milli(time) AS until, state
FROM detector_state FINAL
WHERE question = {question:String} AND revision = {revision:String} AND key = ''
