SELECT max(number) AS last FROM migrations
