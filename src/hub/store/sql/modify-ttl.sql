ALTER TABLE {table:Table} MODIFY TTL toDateTime({time:Column}) + toIntervalSecond({seconds:Number})
