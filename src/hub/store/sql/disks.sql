SELECT sum(unreserved_space) AS free, sum(total_space) AS total
FROM system.disks
WHERE type = 'Local'
