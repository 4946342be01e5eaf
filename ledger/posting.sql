-- name: claim
-- Takes the ids not seen before. An id being claimed elsewhere is waited for. In id order: no deadlocks.
INSERT INTO ledger.claim (id, content_hash)
SELECT id, content_hash
FROM unnest(:ids::uuid[], :hashes::bytea[]) AS sent (id, content_hash)
ORDER BY id
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: lock_accounts
-- In id order, and read by the next statement only: a lock wait does not refresh this one's snapshot.
SELECT id FROM ledger.account WHERE id = ANY(:accounts::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: read_accounts
SELECT id, currency, sign, floor, frozen_debit, frozen_credit, closed_at IS NOT NULL, debits_posted, credits_posted,
       CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END, version, profile_id
FROM ledger.account WHERE id = ANY(:accounts::uuid[]);

-- name: earlier_outcomes
-- What became of ids claimed before: the content they were sent with, whether they were posted, or why not.
SELECT c.id, c.content_hash, t.id IS NOT NULL, r.rule, r.decision, r.source, r.numbers
FROM ledger.claim AS c
LEFT JOIN ledger.transfer AS t ON t.id = c.id
LEFT JOIN ledger.refusal AS r ON r.transfer_id = c.id
WHERE c.id = ANY(:ids::uuid[]);

-- name: read_usage
-- The counters of the windows that this batch falls into, one index range per window.
SELECT u.account_id, u.starts_on, u.span, u.direction, u.operation, u.amount, u.count
FROM unnest(:accounts::uuid[], :starts::date[], :spans::text[]) AS asked (account_id, starts_on, span)
CROSS JOIN LATERAL (
    SELECT * FROM ledger.usage AS u
    WHERE u.account_id = asked.account_id AND u.starts_on = asked.starts_on AND u.span = asked.span
    OFFSET 0
) AS u;

-- name: copy_transfers!
COPY ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
    effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance) FROM STDIN (FORMAT BINARY);

-- name: copy_refusals!
COPY ledger.refusal (transfer_id, debit_account, credit_account, amount, currency, operation, reference, group_id,
    effective_at, decided_at, rule, decision, source, numbers) FROM STDIN (FORMAT BINARY);

-- name: add_usage
INSERT INTO ledger.usage AS u (account_id, starts_on, span, direction, operation, amount, count)
SELECT * FROM unnest(:accounts::uuid[], :starts::date[], :spans::text[], :directions::text[], :operations::text[],
                     :amounts::bigint[], :counts::bigint[])
ON CONFLICT (account_id, starts_on, span, direction, operation)
DO UPDATE SET amount = u.amount + EXCLUDED.amount, count = u.count + EXCLUDED.count;
