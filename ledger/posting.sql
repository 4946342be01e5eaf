-- name: claim
-- Takes the ids not seen before; answers with these where some were, and with nothing where all are new.
-- An id being claimed elsewhere is waited for. In id order: no deadlocks.
WITH taken AS (
    INSERT INTO ledger.claim (id, content_hash)
    SELECT id, decode(content_hash, 'hex')
    FROM unnest(:ids::uuid[], :hashes::text[]) AS sent (id, content_hash)
    ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
SELECT CASE WHEN count(*) < :sent THEN coalesce(array_agg(id), '{}') END FROM taken;

-- name: lock_accounts
-- In id order, and read by the next statement only: a lock wait does not refresh this one's snapshot.
SELECT count(*) FROM (
    SELECT id FROM ledger.account WHERE id = ANY(:accounts::uuid[]) ORDER BY id FOR NO KEY UPDATE
) AS locked;

-- name: read_accounts
SELECT id, currency, sign, floor, frozen_debit, frozen_credit, closed_at IS NOT NULL, debits_posted, credits_posted,
       CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END, version, ceiling,
       last_posted_at, profile_id
FROM ledger.account WHERE id = ANY(:accounts::uuid[]);

-- name: earlier_outcomes
-- What became of ids claimed before: the content they were sent with, whether they were posted, or why not.
SELECT c.id, c.content_hash, t.id IS NOT NULL, r.rule, r.decision, r.source, r.numbers
FROM ledger.claim AS c
LEFT JOIN ledger.transfer AS t ON t.id = c.id
LEFT JOIN ledger.refusal AS r ON r.transfer_id = c.id
WHERE c.id = ANY(:ids::uuid[]);

-- name: read_usage
-- The counters of the windows that this batch falls into: a few days, for the accounts that count.
SELECT account_id, starts_on, span, direction, operation, amount - returned_amount, count - returned_count
FROM ledger.usage
WHERE account_id = ANY(:accounts::uuid[]) AND starts_on = ANY(:starts::date[]);

-- name: copy_transfers!
COPY ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
    effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance) FROM STDIN (FORMAT BINARY);

-- name: copy_refusals!
COPY ledger.refusal (transfer_id, debit_account, credit_account, amount, currency, operation, reference, group_id,
    effective_at, decided_at, rule, decision, source, numbers) FROM STDIN (FORMAT BINARY);

-- name: add_usage
INSERT INTO ledger.usage AS u (account_id, starts_on, span, direction, operation, amount, count)
SELECT account_id, :starts_on, :span, :direction, :operation, amount, count
FROM unnest(:accounts::uuid[], :amounts::bigint[], :counts::bigint[]) AS added (account_id, amount, count)
ON CONFLICT (account_id, starts_on, span, direction, operation)
DO UPDATE SET amount = u.amount + EXCLUDED.amount, count = u.count + EXCLUDED.count;
