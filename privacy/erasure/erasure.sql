-- name: living_elsewhere
-- Living keys of these subjects that are not under a key of this month.
SELECT k.subject, k.version, k.kek, e.provider, k.wrapped
FROM privacy.subject_key AS k JOIN privacy.kek AS e ON e.id = k.kek
WHERE k.subject = ANY (:subjects) AND k.state <> 'destroyed' AND e.expires_month IS DISTINCT FROM :month::date
ORDER BY k.subject, k.version FOR NO KEY UPDATE OF k;

-- name: rewrap!
UPDATE privacy.subject_key AS k SET wrapped = fresh.wrapped, kek = :kek
FROM unnest(:subjects::uuid[], :versions::integer[], :wrapped::bytea[]) AS fresh (subject, version, wrapped)
WHERE (k.subject, k.version) = (fresh.subject, fresh.version);

-- name: expired
-- Erasures that were put off until a day before this one, and whose subjects are not under a legal hold, nor kept by the
-- database for longer, as where an account is open again.
SELECT r.id FROM privacy.data_request AS r
CROSS JOIN LATERAL (SELECT state, keep_until FROM privacy.data_request_step
                    WHERE request_id = r.id ORDER BY number DESC LIMIT 1) AS s
WHERE r.kind = 'erasure' AND s.state = 'kept' AND s.keep_until < :day
  AND NOT EXISTS (SELECT FROM unnest(r.subjects) AS each (subject) WHERE privacy.held(each.subject))
  AND (privacy.retained_until_v1(r.subjects) AT TIME ZONE 'UTC')::date < :day
ORDER BY s.keep_until, r.id LIMIT :most;

-- name: insert_destruction!
INSERT INTO privacy.destruction (subject, request_id, at) SELECT unnest(:subjects::uuid[]), :request, :at;

-- name: sealed_places
SELECT table_name, row_id, ARRAY (SELECT jsonb_object_keys(versions)) FROM privacy.sealed_row
WHERE subject = ANY (:subjects) ORDER BY table_name, row_id;

-- name: remove_versions!
DELETE FROM privacy.sealed_row WHERE subject = ANY (:subjects);

-- name: remove_codes!
DELETE FROM privacy.index_entry WHERE subject = ANY (:subjects);
