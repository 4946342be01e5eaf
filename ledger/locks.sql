-- name: look
-- As they are now, and by which transaction each was written: whoever changes an account writes it anew. With the rows
-- of its usage in the periods asked for, one to a line; of one moment, as the statement is.
SELECT a.id, a.currency, a.sign, a.floor, a.frozen_debit, a.frozen_credit, a.closed_at IS NOT NULL, a.debits_posted,
       a.credits_posted, CASE WHEN a.sign = 1 THEN a.credits_pending ELSE a.debits_pending END, a.version, a.ceiling,
       timestamptz_send(a.last_posted_at), a.profile_id, a.xmin,
       u.scope_id, u.span, u.starts_on, u.totals, u.days, u.moved, u.returned
FROM ledger.account AS a
-- OFFSET 0: for each account, by the key, whatever the planner knows of usage, which is nothing on the first day.
LEFT JOIN LATERAL (
    SELECT * FROM ledger.usage WHERE scope_id = a.id AND starts_on = ANY(:starts) OFFSET 0
) AS u ON true
WHERE a.id = ANY(:accounts);

-- name: lock_accounts
-- In id order. What a locking read returns is the row as it is after the wait.
SELECT id, currency, sign, floor, frozen_debit, frozen_credit, closed_at IS NOT NULL, debits_posted, credits_posted,
       CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END, version, ceiling,
       timestamptz_send(last_posted_at), profile_id
FROM ledger.account WHERE id = ANY(:accounts) ORDER BY id FOR NO KEY UPDATE;

-- name: lock_with_siblings
-- The same, and the other accounts of the same holders, whose limits may be shared.
SELECT id, currency, sign, floor, frozen_debit, frozen_credit, closed_at IS NOT NULL, debits_posted, credits_posted,
       CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END, version, ceiling,
       timestamptz_send(last_posted_at), profile_id, holder
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
