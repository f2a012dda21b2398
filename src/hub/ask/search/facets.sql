-- How often each value of some fields is in the rows that a filter lets through: the most frequent ones.
SELECT
  pair.1 AS field,
  pair.2 AS value,
  count() AS rows,
  sum(rows) OVER (PARTITION BY field) AS all_rows,
  count() OVER (PARTITION BY field) AS different
FROM
(
  SELECT arrayJoin({pairs:Pairs}) AS pair
  FROM {table:Identifier}
  WHERE
    {time:Identifier} >= {from:DateTime64(3, 'UTC')}
    AND {time:Identifier} < {to:DateTime64(3, 'UTC')}
    AND {filter:Filter}
)
GROUP BY field, value
ORDER BY field, rows DESC, value
LIMIT {limit:UInt32} BY field
