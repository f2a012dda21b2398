-- Never SYNC: it waits for queries that end only when the engine does.
KILL QUERY WHERE startsWith(query_id, {prefix:String}) ASYNC
