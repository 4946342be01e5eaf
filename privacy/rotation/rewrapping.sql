-- name: wrappings
-- Of the keys with the oldest former wrappings: all of these, the oldest first, and last what the key is wrapped as now.
WITH old AS (
    SELECT kind, subject, name, version, min(at) AS since FROM privacy.former_wrapping
    WHERE at <= clock_timestamp() - (:older)::interval
    GROUP BY kind, subject, name, version ORDER BY min(at) LIMIT :most
), living AS (
    SELECT 'subject key' AS kind, k.subject, NULL AS name, k.version, k.kek, k.wrapped
    FROM privacy.subject_key AS k JOIN old USING (subject, version) WHERE k.wrapped IS NOT NULL
    UNION ALL
    SELECT 'index key', NULL, k.index_name, k.version, k.kek, k.wrapped
    FROM privacy.index_key AS k JOIN old ON (old.kind, old.name, old.version) = ('index key', k.index_name, k.version)
    WHERE k.wrapped IS NOT NULL
    UNION ALL
    SELECT 'pseudonym key', NULL, k.domain, k.epoch, k.kek, k.wrapped
    FROM privacy.pseudonym_epoch AS k JOIN old ON (old.kind, old.name, old.version) = ('pseudonym key', k.domain, k.epoch)
    WHERE k.wrapped IS NOT NULL
), wrapping AS (
    SELECT f.kind, f.subject, f.name, f.version, f.id, f.kek, f.wrapped, f.at
    FROM privacy.former_wrapping AS f JOIN living AS l
        ON l.kind = f.kind AND l.version = f.version
        AND l.subject IS NOT DISTINCT FROM f.subject AND l.name IS NOT DISTINCT FROM f.name
    UNION ALL
    SELECT kind, subject, name, version, NULL, kek, wrapped, NULL FROM living
)
SELECT w.kind, w.subject, w.name, w.version, w.id, w.kek, e.provider, w.wrapped, w.at
FROM wrapping AS w JOIN privacy.kek AS e ON e.id = w.kek
ORDER BY w.kind, w.subject, w.name, w.version, w.at NULLS LAST, w.id;

-- name: put_back_subject_key!
UPDATE privacy.subject_key SET kek = :kek, wrapped = :wrapped WHERE subject = :subject AND version = :version;

-- name: put_back_index_key!
UPDATE privacy.index_key SET kek = :kek, wrapped = :wrapped WHERE index_name = :name AND version = :version;

-- name: put_back_pseudonym_key!
UPDATE privacy.pseudonym_epoch SET kek = :kek, wrapped = :wrapped WHERE domain = :name AND epoch = :version;

-- name: drop
SELECT privacy.drop_former_wrappings_v1(:ids);
