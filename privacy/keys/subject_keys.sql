-- name: active_keys
-- The key each subject is sealed for with, locked against being retired until this transaction ends.
SELECT k.subject, k.version, k.kek, e.provider, e.state, e.open_until, k.state, k.wrapped, k.seal_until, k.open_until
FROM privacy.subject_key AS k JOIN privacy.kek AS e ON e.id = k.kek
WHERE k.subject = ANY(:subjects::uuid[]) AND k.state = 'active'
ORDER BY k.subject FOR SHARE OF k;

-- name: newest_keys
-- The newest key of each subject that has one, whatever its state.
SELECT DISTINCT ON (k.subject)
       k.subject, k.version, k.kek, e.provider, e.state, e.open_until, k.state, k.wrapped, k.seal_until, k.open_until
FROM privacy.subject_key AS k JOIN privacy.kek AS e ON e.id = k.kek
WHERE k.subject = ANY(:subjects::uuid[])
ORDER BY k.subject, k.version DESC;

-- name: keys_of_versions
-- The keys that ciphertexts name.
SELECT k.subject, k.version, k.kek, e.provider, e.state, e.open_until, k.state, k.wrapped, k.seal_until, k.open_until
FROM privacy.subject_key AS k
JOIN unnest(:subjects::uuid[], :versions::integer[]) AS wanted (subject, version) USING (subject, version)
JOIN privacy.kek AS e ON e.id = k.kek;

-- name: retire_keys
-- What was active becomes decrypt-only. In subject order, as sealing locks them.
WITH former AS (
    SELECT k.subject, k.version
    FROM privacy.subject_key AS k
    JOIN unnest(:subjects::uuid[], :versions::integer[]) AS wanted (subject, version) USING (subject, version)
    WHERE k.state = 'active'
    ORDER BY k.subject FOR NO KEY UPDATE OF k
)
UPDATE privacy.subject_key AS k SET state = 'decrypt-only'
FROM former WHERE (k.subject, k.version) = (former.subject, former.version)
RETURNING k.subject, k.version, k.kek;

-- name: insert_keys
-- In subject order, so that two transactions with the same subjects wait for each other and cannot deadlock;
-- of two keys of one subject and version the one that commits first stays.
INSERT INTO privacy.subject_key (subject, version, wrapped, kek, state, created_at, seal_until, open_until, made_by)
SELECT subject, version, wrapped, :kek, 'active', :now, :seal_until, :open_until, :made_by::uuid
FROM unnest(:subjects::uuid[], :versions::integer[], :wrapped::bytea[]) AS fresh (subject, version, wrapped)
ORDER BY subject
ON CONFLICT DO NOTHING
RETURNING subject, version;
