-- What the tables have, of those that this user may see.
SELECT table, name
FROM system.columns
WHERE database = currentDatabase() AND table IN {tables:Array(String)}
