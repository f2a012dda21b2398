-- All rows of a table in a range, as they are stored: in no order, and of rollups some that belong together.
SELECT *
FROM {table:Identifier}
WHERE
  {time:Identifier} >= {from:DateTime64(3, 'UTC')}
  AND {time:Identifier} < {to:DateTime64(3, 'UTC')}
  AND {host:String} IN ('', host_name)
  AND {environment:String} IN ('', environment)
