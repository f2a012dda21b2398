-- Since when nodes are heard, and how many of them not before some moment.
SELECT
  toUnixTimestamp64Milli(min(heard)) AS since,
  countIf(heard > {known:DateTime64(3, 'UTC')}) AS young,
  count() AS nodes
FROM (
  SELECT min(first_seen) AS heard
  FROM nodes
  GROUP BY host_name, environment
)
HAVING count() > 0
