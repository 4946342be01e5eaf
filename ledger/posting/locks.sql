-- name: look
SELECT * FROM ledger.look_v1(:accounts);

-- name: lock_accounts
-- In id order. What a locking read returns is the row as it is after the wait.
SELECT id, kind, currency, sign, floor, frozen_debit, frozen_credit, closed_at IS NOT NULL, debits_posted, credits_posted,
       CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END, version, ceiling,
       timestamptz_send(last_posted_at), profile_id, counted_on, counters, debits_pending + credits_pending > 0
FROM ledger.account WHERE id = ANY(:accounts) ORDER BY id FOR NO KEY UPDATE;

-- name: lock_with_siblings
-- The same, and the other accounts of the same holders, whose limits may be shared.
SELECT id, kind, currency, sign, floor, frozen_debit, frozen_credit, closed_at IS NOT NULL, debits_posted, credits_posted,
       CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END, version, ceiling,
       timestamptz_send(last_posted_at), profile_id, counted_on, counters, debits_pending + credits_pending > 0, holder
FROM ledger.account
WHERE id IN (
    SELECT unnest(:accounts)
    UNION
    SELECT sibling.id
    FROM ledger.account AS named JOIN ledger.account AS sibling ON sibling.holder = named.holder
    WHERE named.id = ANY(:accounts)
)
ORDER BY id FOR NO KEY UPDATE;

-- name: read_openings
SELECT id, opened_at FROM ledger.account WHERE id = ANY(:accounts);

-- name: claim
-- Takes the ids not seen before; answers with these where some were, and with nothing where all are new.
-- An id being claimed elsewhere is waited for. In id order: no deadlocks.
WITH taken AS (
    INSERT INTO ledger.claim (id, content_hash)
    SELECT id, content_hash
    FROM unnest(:ids, :hashes) AS sent (id, content_hash)
    ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
SELECT CASE WHEN count(*) < :sent THEN coalesce(array_agg(id), '{}') END FROM taken;
