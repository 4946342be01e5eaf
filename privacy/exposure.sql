-- name: opened
-- What was opened in a period, by whom and for what, one row for each field of each subject.
SELECT actor, purpose, subject, table_name || '.' || column_name, count(*), min(opened_at), max(opened_at)
FROM privacy.opening
WHERE opened_at >= :start AND opened_at < :until AND (:actor::text IS NULL OR actor = :actor)
GROUP BY 1, 2, 3, 4
ORDER BY actor, purpose, subject, 4
LIMIT :most;

-- name: keys_under
-- The wrapped keys under a key-encryption key, and whose they are.
SELECT count(*), count(DISTINCT subject) FROM privacy.subject_key WHERE kek = :kek AND state <> 'destroyed';

-- name: known_keks
SELECT DISTINCT kek FROM privacy.subject_key ORDER BY kek;

-- name: sealed_fields
-- The fields of one sealed column, and whether a key-encryption key opens them. Format 1 tells the version of the
-- subject's key in its second to fifth bytes; of any other format every key of the subject counts.
SELECT held.{subject} AS subject, EXISTS (
    SELECT FROM privacy.subject_key AS key
    WHERE key.subject = held.{subject} AND key.kek = :kek AND key.state <> 'destroyed'
      AND (get_byte(held.{column}, 0) <> 1 OR key.version = get_byte(held.{column}, 1) << 24
        | get_byte(held.{column}, 2) << 16 | get_byte(held.{column}, 3) << 8 | get_byte(held.{column}, 4))
) AS opens
FROM {table} AS held WHERE held.{column} IS NOT NULL

-- name: sum_sealed_fields
-- Fields and subjects that the key opens, then those that stay sealed.
SELECT count(*) FILTER (WHERE opens), count(DISTINCT subject) FILTER (WHERE opens),
       count(*) FILTER (WHERE NOT opens), count(DISTINCT subject) FILTER (WHERE NOT opens)
FROM ({fields}) AS field;
