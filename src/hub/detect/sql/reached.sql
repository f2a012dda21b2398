-- The end of the windows that nine tenths of the nodes have told, of those that were there lately; one that
-- said goodbye has told all.
WITH nodes AS (
  SELECT if(argMax(window_last, window_end), {to:DateTime64(3, 'UTC')}, max(window_end)) AS newest
  FROM windows
  WHERE window_start >= {from:DateTime64(3, 'UTC')} - toIntervalMinute(10)
    AND window_start < {to:DateTime64(3, 'UTC')}
  GROUP BY host_name, environment, agent_instance
)
SELECT toUnixTimestamp64Milli(arraySort(groupArray(newest))[1 + intDiv(count(), 10)]) AS reached
FROM nodes
HAVING count() > 0
