-- name: accepted
-- Which of these contents someone accepted; with :by_two, only those that a second person approved.
SELECT content_hash FROM kyc.pack_acceptance
WHERE (pack_id, content_hash) IN (SELECT * FROM unnest(:packs::text[], :hashes::text[]))
    AND (approval_id IS NOT NULL OR NOT :by_two);
