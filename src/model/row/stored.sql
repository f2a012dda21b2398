-- Which rows of these sources are there already, by their identity.
SELECT boot_id, agent_instance, toString(record_sequence) AS record_sequence
FROM {table:Identifier} AS stored
WHERE
  {time:Identifier} >= fromUnixTimestamp64Milli({fromMs:Int64}, 'UTC')
  AND {time:Identifier} < fromUnixTimestamp64Milli({toMs:Int64}, 'UTC')
  AND host_name IN {hosts:Array(String)}
  AND stored.record_sequence BETWEEN {sequenceFirst:UInt64} AND {sequenceLast:UInt64}
