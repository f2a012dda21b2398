SELECT finding
FROM findings FINAL
WHERE time >= {from:DateTime64(3, 'UTC')}
  AND {question:String} IN ('', question)
  AND {state:String} IN ('', state)
ORDER BY time DESC, id
LIMIT {limit:UInt32}
