-- name: record!
INSERT INTO kyc.pack_acceptance (id, pack_id, content_hash, accepted_by, accepted_at, note, approval_id)
VALUES (:id, :pack, :hash, :actor, :at, :note, :approval);

-- name: accepted
-- Which of these contents someone accepted; with :by_two, only those that a second person approved.
SELECT content_hash FROM kyc.pack_acceptance
WHERE (pack_id, content_hash) IN (SELECT * FROM unnest(:packs::text[], :hashes::text[]))
    AND (approval_id IS NOT NULL OR NOT :by_two);

-- name: every
SELECT a.id, a.pack_id, a.content_hash, a.accepted_by, a.accepted_at, a.note, a.approval_id, d.actor
FROM kyc.pack_acceptance AS a LEFT JOIN ledger.request_decision AS d ON d.request_id = a.approval_id
ORDER BY a.accepted_at, a.id LIMIT :most;
