-- name: states
-- Due are only keys that still protect: those of an older version have done so.
SELECT 'subject key', state, count(*), count(*) FILTER (WHERE state = 'active' AND seal_until <= :now)
FROM privacy.subject_key GROUP BY state
UNION ALL
SELECT 'index key', state, count(*), count(*) FILTER (WHERE state = 'active' AND seal_until <= :now)
FROM privacy.index_key GROUP BY state
ORDER BY 1, 2;
