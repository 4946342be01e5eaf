-- name: id_columns
-- Where an id could stand: every column of ids, and of lists of them, in the packages' tables.
SELECT n.nspname, c.relname, a.attname, a.atttypid = 'uuid[]'::regtype
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (:schemas) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('uuid'::regtype, 'uuid[]'::regtype)
ORDER BY 1, 2, 3;
