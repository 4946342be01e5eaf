-- name: columns_of_schemas
-- Partitions are left out: they have the columns of their table.
SELECT namespace.nspname || '.' || class.relname || '.' || attribute.attname
FROM pg_attribute AS attribute
JOIN pg_class AS class ON class.oid = attribute.attrelid
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE namespace.nspname = ANY(:schemas::text[])
  AND class.relkind IN ('r', 'p', 'f', 'm') AND NOT class.relispartition
  AND attribute.attnum > 0 AND NOT attribute.attisdropped;
