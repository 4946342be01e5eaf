-- name: living_keys
SELECT count(*) FROM privacy.subject_key WHERE subject = ANY (:subjects) AND (state <> 'destroyed' OR wrapped IS NOT NULL);

-- name: id_columns
-- Where an id could stand: every column of ids, and of lists of them, in the packages' tables.
SELECT n.nspname, c.relname, a.attname, a.atttypid = 'uuid[]'::regtype
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (:schemas) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('uuid'::regtype, 'uuid[]'::regtype)
ORDER BY 1, 2, 3;

-- name: keks_above
-- Every key-encryption key that a key of these subjects was ever wrapped under, and where it stands.
SELECT k.id, k.provider, k.state FROM privacy.kek AS k
WHERE k.id IN (SELECT e.kek FROM privacy.key_event AS e WHERE e.kind = 'subject key' AND e.subject = ANY (:subjects))
ORDER BY k.id;
