-- name: account
SELECT id, currency FROM ledger.account WHERE external_ref = :name
UNION ALL
SELECT id, currency FROM ledger.account WHERE id = :id
LIMIT 1;

-- name: by_id
SELECT r.id, r.account_id, r.reference, r.purpose, r.currency, r.amount, s.received, s.drawn, b.statement_ref,
       m.entry_number, r.actor, r.reason, r.recorded_at
FROM ledger.receipt AS r
JOIN ledger.receipt_state AS s ON s.receipt_id = r.id
LEFT JOIN ledger.receipt_match AS m ON m.receipt_id = r.id
LEFT JOIN ledger.bank_statement AS b ON b.id = m.statement_id
WHERE r.id = :id;

-- name: by_reference
SELECT r.id, r.account_id, r.reference, r.purpose, r.currency, r.amount, s.received, s.drawn, b.statement_ref,
       m.entry_number, r.actor, r.reason, r.recorded_at
FROM ledger.receipt AS r
JOIN ledger.receipt_state AS s ON s.receipt_id = r.id
LEFT JOIN ledger.receipt_match AS m ON m.receipt_id = r.id
LEFT JOIN ledger.bank_statement AS b ON b.id = m.statement_id
WHERE (r.account_id, r.reference) = (:account, :reference);

-- name: every
SELECT r.id, r.account_id, r.reference, r.purpose, r.currency, r.amount, s.received, s.drawn, b.statement_ref,
       m.entry_number, r.actor, r.reason, r.recorded_at
FROM ledger.receipt AS r
JOIN ledger.receipt_state AS s ON s.receipt_id = r.id
LEFT JOIN ledger.receipt_match AS m ON m.receipt_id = r.id
LEFT JOIN ledger.bank_statement AS b ON b.id = m.statement_id
WHERE (:account::uuid IS NULL OR r.account_id = :account) AND (NOT :open_only OR s.drawn < s.received)
ORDER BY r.recorded_at DESC, r.id LIMIT :most;

-- name: funds
SELECT account_id, purpose, received, drawn FROM ledger.receipt_fund
WHERE (:account::uuid IS NULL OR account_id = :account) ORDER BY account_id, purpose;

-- name: issues
SELECT transfer_id, amount FROM ledger.receipt_issue WHERE receipt_id = :id ORDER BY transfer_id LIMIT :most;
