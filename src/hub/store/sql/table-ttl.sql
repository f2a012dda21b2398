SELECT extract(engine_full, 'toIntervalSecond\\((\\d+)\\)') AS seconds
FROM system.tables
WHERE database = currentDatabase() AND name = {table:String}
