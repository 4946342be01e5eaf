-- name: overdue
-- Whether a hold on one of these accounts, or for it, is open past its deadline.
SELECT EXISTS (SELECT FROM ledger.open_hold AS o WHERE o.debit_account = ANY(:accounts) AND o.expires_at <= :at)
    OR EXISTS (SELECT FROM ledger.open_hold AS o WHERE o.credit_account = ANY(:accounts) AND o.expires_at <= :at);

-- name: sides
-- The accounts of such holds, on either side.
SELECT o.debit_account, o.credit_account FROM ledger.open_hold AS o
WHERE o.debit_account = ANY(:accounts) AND o.expires_at <= :at
UNION
SELECT o.debit_account, o.credit_account FROM ledger.open_hold AS o
WHERE o.credit_account = ANY(:accounts) AND o.expires_at <= :at;

-- name: due
-- What is open past its deadline between these accounts, which are locked.
SELECT o.id, (SELECT count(*) FROM ledger.hold_event AS e WHERE e.hold_id = o.id) + 1, o.remaining, h.debit_account,
       h.credit_account, h.currency, h.operation
FROM ledger.open_hold AS o JOIN ledger.hold AS h ON h.id = o.id
WHERE o.debit_account = ANY(:accounts) AND o.credit_account = ANY(:accounts) AND o.expires_at <= :at
ORDER BY o.expires_at, o.id LIMIT :most;

-- name: lock
SELECT FROM ledger.account WHERE id = ANY(:accounts) ORDER BY id FOR NO KEY UPDATE;

-- name: end!
INSERT INTO ledger.hold_event (hold_id, number, kind, amount, at)
SELECT hold_id, number, 'expired', amount, :at
FROM unnest(:holds::uuid[], :numbers::int[], :amounts::bigint[]) AS due (hold_id, number, amount);

-- name: freed
-- What expired holds of these accounts are still counted with: by whom, for whom, how much, when, and whether nothing
-- that was captured of them has stayed.
SELECT o.debit_account, o.credit_account, h.operation, o.remaining, h.placed_at,
       NOT EXISTS (
           SELECT FROM ledger.hold_event AS e
           WHERE e.hold_id = o.id
             AND e.amount > (SELECT coalesce(sum(r.amount), 0) FROM ledger.reversal AS r WHERE r.original_id = e.transfer_id)
       )
FROM ledger.open_hold AS o JOIN ledger.hold AS h ON h.id = o.id
WHERE (o.debit_account = ANY(:accounts) OR o.credit_account = ANY(:accounts)) AND o.expires_at <= :at;
