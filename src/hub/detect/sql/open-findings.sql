SELECT count() AS open
FROM findings FINAL
WHERE question = {question:String}
  AND state = 'open'
  AND muted = ''
  AND JSONExtractString(finding, 'finds') = {finds:String}
