-- Every agent ever heard. Adding the same window twice changes nothing.
CREATE TABLE IF NOT EXISTS {nodes:Table}
(
  host_name LowCardinality(String),
  environment LowCardinality(String),
  agent_instance LowCardinality(String),
  first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  last_seen SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
  agent_id AggregateFunction(argMax, String, DateTime64(3, 'UTC')),
  boot_id AggregateFunction(argMax, String, DateTime64(3, 'UTC')),
  agent_version AggregateFunction(argMax, String, DateTime64(3, 'UTC')),
  window_last AggregateFunction(argMax, Bool, DateTime64(3, 'UTC'))
)
ENGINE = {AggregatingMergeTree:Engine}
ORDER BY (host_name, environment, agent_instance)
