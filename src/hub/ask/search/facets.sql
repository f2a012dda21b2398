-- How often each value of one field is in the rows that a filter lets through: the most frequent ones.
-- Several fields are asked for by a UNION ALL of this: each is counted as its column is stored.
SELECT
  {field:Field} AS field,
  ifNull(toString(value), '') AS text,
  rows,
  sum(rows) OVER () AS all_rows,
  count() OVER () AS different
FROM
(
  SELECT {value:Value} AS value, count() AS rows
  FROM {table:Identifier}
  WHERE
    {time:Identifier} >= {from:DateTime64(3, 'UTC')}
    AND {time:Identifier} < {to:DateTime64(3, 'UTC')}
    AND {filter:Filter}
  GROUP BY value
)
ORDER BY rows DESC, text
LIMIT {limit:UInt32}
