-- name: find
-- A hold that has ended, or whose deadline is past, without an outcome has expired.
SELECT d.id, d.original_id, d.reason_code, d.actor, d.opened_at, h.expires_at, h.amount, h.currency,
       coalesce(CASE WHEN h.expires_at > :at THEN p.remaining END, 0),
       coalesce(o.kind, CASE WHEN p.id IS NULL OR h.expires_at <= :at THEN 'expired' ELSE 'open' END),
       coalesce(o.amount, 0), o.transfer_id, o.actor, o.reason, o.at
FROM ledger.dispute AS d
JOIN ledger.hold AS h ON h.id = d.id
LEFT JOIN ledger.open_hold AS p ON p.id = d.id
LEFT JOIN ledger.dispute_outcome AS o ON o.dispute_id = d.id
WHERE d.id = :id;

-- name: of_transfer
SELECT d.id, d.original_id, d.reason_code, d.actor, d.opened_at, h.expires_at, h.amount, h.currency,
       coalesce(CASE WHEN h.expires_at > :at THEN p.remaining END, 0),
       coalesce(o.kind, CASE WHEN p.id IS NULL OR h.expires_at <= :at THEN 'expired' ELSE 'open' END),
       coalesce(o.amount, 0), o.transfer_id, o.actor, o.reason, o.at
FROM ledger.dispute AS d
JOIN ledger.hold AS h ON h.id = d.id
LEFT JOIN ledger.open_hold AS p ON p.id = d.id
LEFT JOIN ledger.dispute_outcome AS o ON o.dispute_id = d.id
WHERE d.original_id = :original ORDER BY d.opened_at, d.id;
