-- name: count_work!
UPDATE privacy.rotation SET keys = keys + :keys, fields = fields + :fields WHERE id = :id;

-- name: finish
-- Of two runs of one rotation at once, the second to finish finds it finished.
WITH ended AS (
    UPDATE privacy.rotation SET finished_at = :now WHERE id = :id AND finished_at IS NULL RETURNING keys, fields
)
SELECT keys, fields FROM ended
UNION ALL
SELECT keys, fields FROM privacy.rotation WHERE id = :id AND NOT EXISTS (SELECT FROM ended);

-- name: stored_columns
-- Every column that a value was sealed for.
SELECT DISTINCT r.table_name, named.column_name
FROM privacy.sealed_row AS r CROSS JOIN LATERAL jsonb_object_keys(r.versions) AS named (column_name);

-- name: left_wrapped
-- Living keys under a key-encryption key that is not active.
SELECT 'privacy.subject_key', count(*) FROM privacy.subject_key
WHERE state <> 'destroyed' AND kek IN (SELECT id FROM privacy.kek WHERE state <> 'active')
UNION ALL
SELECT 'privacy.index_key', count(*) FROM privacy.index_key
WHERE state <> 'destroyed' AND kek IN (SELECT id FROM privacy.kek WHERE state <> 'active')
UNION ALL
SELECT 'privacy.pseudonym_epoch', count(*) FROM privacy.pseudonym_epoch
WHERE kek IN (SELECT id FROM privacy.kek WHERE state <> 'active');

-- name: wrapped_under_old
SELECT k.subject, k.version, k.kek, e.provider, k.wrapped, e.expires_month
FROM privacy.subject_key AS k JOIN privacy.kek AS e ON e.id = k.kek
WHERE k.state <> 'destroyed' AND e.state <> 'active' AND e.state <> 'destroyed'
ORDER BY k.subject, k.version LIMIT :rows FOR NO KEY UPDATE OF k;

-- name: rewrap!
UPDATE privacy.subject_key AS k SET wrapped = fresh.wrapped, kek = :kek
FROM unnest(:subjects::uuid[], :versions::integer[], :wrapped::bytea[]) AS fresh (subject, version, wrapped)
WHERE (k.subject, k.version) = (fresh.subject, fresh.version);

-- name: count_old_keys
SELECT count(*) FROM (
    SELECT DISTINCT ON (subject) state, created_at, made_by FROM privacy.subject_key ORDER BY subject, version DESC
) AS newest
WHERE state <> 'destroyed' AND created_at <= :since AND made_by IS DISTINCT FROM :run::uuid;

-- name: old_keys
-- Each subject's newest key, where it is older than the run. In subject order, as sealing locks them.
SELECT k.subject, k.version FROM privacy.subject_key AS k
WHERE k.state <> 'destroyed' AND k.created_at <= :since AND k.made_by IS DISTINCT FROM :run::uuid
  AND NOT EXISTS (SELECT FROM privacy.subject_key AS later
                  WHERE later.subject = k.subject AND later.version > k.version)
ORDER BY k.subject LIMIT :rows;

-- name: keys_before
-- Living subjects whose newest key is no younger than a moment; keys made in that very moment do not count.
SELECT count(*) FROM (
    SELECT DISTINCT ON (subject) state, created_at FROM privacy.subject_key ORDER BY subject, version DESC
) AS newest
WHERE state <> 'destroyed' AND created_at < :since;

-- name: index_keys_under_old
SELECT k.index_name, k.version, k.kek, e.provider, k.wrapped
FROM privacy.index_key AS k JOIN privacy.kek AS e ON e.id = k.kek
WHERE k.state <> 'destroyed' AND e.state <> 'active' AND e.state <> 'destroyed'
ORDER BY k.index_name, k.version FOR NO KEY UPDATE OF k;

-- name: rewrap_index_key!
UPDATE privacy.index_key SET wrapped = :wrapped, kek = :kek WHERE index_name = :index AND version = :version;

-- name: newest_index_key
SELECT version FROM privacy.index_key
WHERE index_name = :index AND made_by IS DISTINCT FROM :run::uuid
  AND NOT EXISTS (SELECT FROM privacy.index_key AS mine WHERE mine.index_name = :index AND mine.made_by = :run::uuid)
ORDER BY version DESC LIMIT 1;

-- name: drop_old_entries
-- What is under another key than the active one, a batch at a time.
DELETE FROM privacy.index_entry WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM privacy.index_entry AS e WHERE e.index_name = :index AND e.key_version <> :version LIMIT :rows));

-- name: left_indexed
-- Entries of an index that are not under its active key.
SELECT count(*) FROM privacy.index_entry AS e
WHERE e.index_name = :index AND NOT EXISTS (
    SELECT FROM privacy.index_key AS k
    WHERE k.index_name = e.index_name AND k.version = e.key_version AND k.state = 'active');
