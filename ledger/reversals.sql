-- name: original
-- A captured transfer was counted when its hold was placed.
SELECT t.debit_account, t.credit_account, t.amount, t.currency, t.operation, coalesce(h.placed_at, t.effective_at)
FROM ledger.transfer AS t
LEFT JOIN ledger.hold_event AS e ON e.id = t.id AND e.kind = 'captured'
LEFT JOIN ledger.hold AS h ON h.id = e.hold_id
WHERE t.id = :id;

-- name: given_back
SELECT coalesce(sum(amount), 0)::bigint FROM ledger.reversal WHERE original_id = :id;

-- name: still_counted
-- What limits count of a transfer and is not given back: of a capture, of its hold with all that was captured of it,
-- which was counted as one.
SELECT (
    coalesce(h.amount, t.amount)
    - coalesce((
        SELECT sum(e.amount) FROM ledger.hold_event AS e WHERE e.hold_id = h.id AND e.kind <> 'captured'
    ), 0)
    - coalesce((
        SELECT sum(r.amount) FROM ledger.reversal AS r
        WHERE r.original_id = ANY(t.id || ARRAY(
            SELECT e.transfer_id FROM ledger.hold_event AS e WHERE e.hold_id = h.id AND e.kind = 'captured'
        ))
    ), 0)
)::bigint
FROM ledger.transfer AS t
LEFT JOIN ledger.hold_event AS c ON c.id = t.id AND c.kind = 'captured'
LEFT JOIN ledger.hold AS h ON h.id = c.hold_id
WHERE t.id = :id;

-- name: record!
INSERT INTO ledger.reversal (transfer_id, original_id, amount, reason, at)
VALUES (:transfer, :original, :amount, :reason, :at);
