-- name: record!
INSERT INTO kyc.pack_acceptance (id, pack_id, content_hash, accepted_by, accepted_at, note)
VALUES (:id, :pack, :hash, :by, :at, :note);

-- name: accepted
-- Which of these contents someone accepted.
SELECT content_hash FROM kyc.pack_acceptance
WHERE (pack_id, content_hash) IN (SELECT * FROM unnest(:packs::text[], :hashes::text[]));

-- name: every
SELECT id, pack_id, content_hash, accepted_by, accepted_at, note FROM kyc.pack_acceptance
ORDER BY accepted_at, id LIMIT :most;
