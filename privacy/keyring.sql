-- name: keks_in_use
-- The distinct key-encryption keys, by one index probe for each instead of a scan of all subjects.
WITH RECURSIVE used (kek) AS (
    SELECT min(kek) FROM privacy.subject_key
    UNION ALL
    SELECT (SELECT min(kek) FROM privacy.subject_key WHERE kek > used.kek) FROM used WHERE used.kek IS NOT NULL
)
SELECT kek FROM used WHERE kek IS NOT NULL;
