-- name: frequencies
-- Entries, distinct codes, the most frequent code's rows, and the sum of the frequencies that occur.
WITH codes AS (
    SELECT count(*) AS rows FROM privacy.index_entry AS entry
    WHERE index_name = :index
      AND key_version = (SELECT max(key_version) FROM privacy.index_entry WHERE index_name = :index)
    GROUP BY code
)
SELECT sum(rows), count(*), max(rows), (SELECT sum(DISTINCT rows) FROM codes) FROM codes;

-- name: newest_leakage
SELECT DISTINCT ON (index_name)
       index_name, measured_at, entries, distinct_codes, most_frequent, rank_matched, refused
FROM privacy.index_leakage ORDER BY index_name, measured_at DESC, id DESC;
