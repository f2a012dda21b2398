SELECT count() AS running FROM system.processes WHERE startsWith(query_id, {prefix:String})
