-- One node's rows are on one shard: what is summed up there is whole. One detector's, too, and the
-- expectations of one hub: they are written as one.
CREATE TABLE IF NOT EXISTS {name:Table} AS {local:Table}
ENGINE = Distributed({cluster:Name}, currentDatabase(), {local:Table}, cityHash64({by:Column}))
