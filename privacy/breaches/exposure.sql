-- name: opened
-- What was opened in a period, by whom and for what, one row for each field of each subject.
SELECT actor, purpose, subject, table_name || '.' || opened, count(*), min(opened_at), max(opened_at)
FROM privacy.opening CROSS JOIN LATERAL string_to_table(column_name, ',') AS opened
WHERE opened_at >= :start AND opened_at < :until AND (:actor::text IS NULL OR actor = :actor)
GROUP BY 1, 2, 3, 4
ORDER BY actor, purpose, subject, 4
LIMIT :most;

-- name: sealed_fields
-- The fields of one sealed column, and whether a key-encryption key opens them: the one above the version of the
-- subject's key that the field was sealed with.
SELECT held.{subject} AS subject, EXISTS (
    SELECT FROM privacy.subject_key AS key
    WHERE key.subject = held.{subject} AND key.version = privacy.sealed_key_version(held.{column})
      AND key.kek = :kek AND key.state <> 'destroyed'
) AS opens
FROM {table} AS held WHERE held.{column} IS NOT NULL

-- name: sum_sealed_fields
-- Fields and subjects that the key opens, then those that stay sealed.
SELECT count(*) FILTER (WHERE opens), count(DISTINCT subject) FILTER (WHERE opens),
       count(*) FILTER (WHERE NOT opens), count(DISTINCT subject) FILTER (WHERE NOT opens)
FROM ({fields}) AS field;
