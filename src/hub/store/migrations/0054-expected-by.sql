-- What expectations say of those who opened connections: by digest and range. Pods are known in windows as
-- they came only. No pair of a process and an entry carries the entry's targets: those are joined last.
CREATE VIEW IF NOT EXISTS expected_by AS
SELECT
  environment, workload_name, process_name, host_name,
  groupArrayArray(targets) AS allowed,
  min(label) AS policy
FROM (
  SELECT environment, workload_name, process_name, host_name, number
  FROM (
    SELECT environment, workload_name, process_name, host_name, groupUniqArray(namespace_of) AS namespaces
    FROM (
      SELECT DISTINCT environment, workload_name, process_name, host_name, '' AS namespace_of
      FROM flows_1h
      WHERE {digest:String} != ''
        AND window_start >= toStartOfHour({from:DateTime64(3, 'UTC')})
        AND window_start < {to:DateTime64(3, 'UTC')}
        AND direction = 'egress'
      UNION ALL
      SELECT DISTINCT environment, workload_name, process_name, host_name, k8s_namespace AS namespace_of
      FROM flows
      WHERE {digest:String} != ''
        AND window_start >= {from:DateTime64(3, 'UTC')}
        AND window_start < {to:DateTime64(3, 'UTC')}
        AND direction = 'egress'
        AND k8s_namespace != ''
    )
    GROUP BY environment, workload_name, process_name, host_name
  ) AS whom
  CROSS JOIN (
    SELECT number, environment AS environments, workload, process, host, namespace
    FROM expectations
    WHERE digest = {digest:String}
    LIMIT 1 BY number
  ) AS patterns
  WHERE (environments = '%' OR environment LIKE environments)
    AND (workload = '%' OR workload_name LIKE workload)
    AND (process = '%' OR process_name LIKE process)
    AND (host = '%' OR host_name LIKE host)
    AND (namespace = '%' OR arrayExists(each -> each LIKE namespace, namespaces))
) AS meant
JOIN (
  SELECT number, label, targets
  FROM expectations
  WHERE digest = {digest:String}
  LIMIT 1 BY number
) AS entries USING (number)
GROUP BY environment, workload_name, process_name, host_name
