-- Never SYNC: it waits for the query's end.
KILL QUERY WHERE query_id = {query_id:String} ASYNC
