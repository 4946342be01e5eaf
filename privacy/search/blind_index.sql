-- name: active_index_keys
-- The keys of new entries, locked against being retired until this transaction ends; and whether each index was
-- last measured to tell too much. In the order of names.
SELECT k.index_name, k.version, k.kek, e.provider, e.state, e.open_until, k.state, k.wrapped, k.seal_until,
       k.open_until,
       (SELECT refused FROM privacy.index_leakage AS m WHERE m.index_name = k.index_name
        ORDER BY measured_at DESC, id DESC LIMIT 1)
FROM privacy.index_key AS k JOIN privacy.kek AS e ON e.id = k.kek
WHERE k.index_name = ANY(:indexes::text[]) AND k.state = 'active' ORDER BY k.index_name FOR SHARE OF k;

-- name: newest_key
SELECT k.index_name, k.version, k.kek, e.provider, e.state, e.open_until, k.state, k.wrapped, k.seal_until,
       k.open_until
FROM privacy.index_key AS k JOIN privacy.kek AS e ON e.id = k.kek
WHERE k.index_name = :index ORDER BY k.version DESC LIMIT 1;

-- name: living_index_keys
-- The keys that entries may be under: the active one, and during a rotation the one before.
SELECT k.index_name, k.version, k.kek, e.provider, e.state, e.open_until, k.state, k.wrapped, k.seal_until,
       k.open_until,
       (SELECT refused FROM privacy.index_leakage AS m WHERE m.index_name = k.index_name
        ORDER BY measured_at DESC, id DESC LIMIT 1)
FROM privacy.index_key AS k JOIN privacy.kek AS e ON e.id = k.kek
WHERE k.index_name = :index AND (k.state = 'active' OR k.state = 'decrypt-only' AND EXISTS (
    SELECT FROM privacy.rotation WHERE kind = 're-index' AND finished_at IS NULL));

-- name: retire_index_key
UPDATE privacy.index_key SET state = 'decrypt-only'
WHERE index_name = :index AND version = :version AND state = 'active' RETURNING kek;

-- name: insert_index_key
INSERT INTO privacy.index_key
    (index_name, version, wrapped, kek, state, created_at, seal_until, open_until, made_by)
VALUES (:index, :version, :wrapped, :kek, 'active', :now, :seal_until, :open_until, :made_by)
ON CONFLICT DO NOTHING RETURNING version;

-- name: forget_rows!
DELETE FROM privacy.index_entry WHERE index_name = :index AND row_id = ANY(:rows::uuid[]);

-- name: forget_subject!
DELETE FROM privacy.index_entry WHERE subject = :subject;

-- name: candidates
-- One probe of the primary key for each code and key version.
SELECT DISTINCT entry.row_id, entry.subject
FROM unnest(:codes::bytea[], :versions::integer[]) AS asked (code, key_version)
JOIN privacy.index_entry AS entry
  ON entry.code = asked.code AND entry.index_name = :index AND entry.key_version = asked.key_version
ORDER BY entry.row_id LIMIT :most;

-- name: pairs
-- For each row by index, then each code by the primary key.
SELECT DISTINCT least(mine.row_id, other.row_id), greatest(mine.row_id, other.row_id), mine.index_name
FROM privacy.index_entry AS mine
CROSS JOIN LATERAL (
    SELECT entry.row_id FROM privacy.index_entry AS entry
    WHERE entry.code = mine.code AND entry.index_name = mine.index_name AND entry.key_version = mine.key_version
      AND entry.row_id <> mine.row_id
    ORDER BY entry.row_id LIMIT :most
) AS other
WHERE mine.row_id = ANY(:rows::uuid[]) AND mine.index_name = ANY(:indexes::text[]);
