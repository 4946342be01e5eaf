-- name: find
SELECT h.id, h.debit_account, h.credit_account, h.amount, h.currency, h.operation, h.reference, h.placed_at,
       h.expires_at, (SELECT n.key FROM ledger.transfer_note AS n WHERE n.id = h.id), coalesce(o.remaining, 0),
       coalesce((SELECT sum(e.amount) FROM ledger.hold_event AS e WHERE e.hold_id = h.id AND e.kind = 'captured'), 0)::bigint,
       coalesce((SELECT sum(r.amount) FROM ledger.hold_event AS e JOIN ledger.reversal AS r ON r.original_id = e.transfer_id
                 WHERE e.hold_id = h.id AND e.kind = 'captured'), 0)::bigint,
       (SELECT count(*) FROM ledger.hold_event AS e WHERE e.hold_id = h.id),
       (SELECT e.kind FROM ledger.hold_event AS e WHERE e.hold_id = h.id ORDER BY e.number DESC LIMIT 1),
       (SELECT d.original_id FROM ledger.dispute AS d WHERE d.id = h.id)
FROM ledger.hold AS h LEFT JOIN ledger.open_hold AS o ON o.id = h.id
WHERE h.id = ANY(:ids);
