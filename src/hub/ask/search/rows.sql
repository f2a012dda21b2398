-- Rows of a table that a filter lets through, as they are stored, newest first. `page` is where the last one
-- ended.
SELECT *
FROM {table:Identifier}
WHERE
  {time:Identifier} >= {from:DateTime64(3, 'UTC')}
  AND {time:Identifier} < {to:DateTime64(3, 'UTC')}
  AND (
    {page_boot:String} = ''
    OR ({time:Identifier}, boot_id, agent_instance, record_sequence)
    < (
      {page_time:DateTime64(3, 'UTC')}, {page_boot:String}, {page_instance:String}, {page_sequence:UInt64}
    )
  )
  AND {filter:Filter}
ORDER BY {time:Identifier} DESC, boot_id DESC, agent_instance DESC, record_sequence DESC
LIMIT {limit:UInt32}
