-- name: earlier
-- What was claimed under ids, and what each came to.
SELECT c.id, c.content_hash, t.id IS NOT NULL OR h.id IS NOT NULL, r.rule, r.decision, r.source, r.numbers
FROM ledger.claim AS c
LEFT JOIN ledger.transfer AS t ON t.id = c.id
LEFT JOIN ledger.hold AS h ON h.id = c.id
LEFT JOIN ledger.refusal AS r ON r.transfer_id = c.id
WHERE c.id = ANY(:ids);
