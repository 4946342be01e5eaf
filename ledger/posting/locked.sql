-- name: earlier_outcomes
-- What became of ids claimed before: whether by a transfer (or by another request, of which a hash is kept), whether
-- they were posted, or why not, and what they were sent with.
SELECT c.id, c.content_hash IS NULL, t.id IS NOT NULL, r.rule, r.decision, r.source, r.numbers,
       coalesce(t.debit_account, r.debit_account), coalesce(t.credit_account, r.credit_account),
       coalesce(t.amount, r.amount), coalesce(t.currency, r.currency), coalesce(t.operation, r.operation),
       coalesce(t.reference, r.reference), coalesce(t.group_id, r.group_id),
       coalesce(t.effective_at, r.effective_at), coalesce(t.posted_at, r.decided_at), n.key, n.metadata
FROM ledger.claim AS c
LEFT JOIN ledger.transfer_note AS n ON n.id = c.id
LEFT JOIN ledger.transfer AS t ON t.id = c.id
LEFT JOIN ledger.refusal AS r ON r.transfer_id = c.id
WHERE c.id = ANY(:ids);
