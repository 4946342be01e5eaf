-- name: earlier_outcomes
-- What became of ids claimed before: the content they were sent with, whether they were posted, or why not.
SELECT c.id, c.content_hash, t.id IS NOT NULL, r.rule, r.decision, r.source, r.numbers
FROM ledger.claim AS c
LEFT JOIN ledger.transfer AS t ON t.id = c.id
LEFT JOIN ledger.refusal AS r ON r.transfer_id = c.id
WHERE c.id = ANY(:ids);
