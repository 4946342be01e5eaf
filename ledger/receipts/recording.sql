-- name: record
SELECT ledger.record_receipt_v1(:account, :reference, :purpose, :currency, :amount, :actor, :reason, :at);

-- name: match
SELECT ledger.match_receipt_v1(:receipt, :statement, :entry, :actor, :reason, :at);

-- name: withdraw
SELECT ledger.withdraw_receipt_v1(:request, :receipt, :amount, :at);

-- name: set_policy
SELECT ledger.set_receipt_policy_v1(:policy, :actor, :reason, :at);

-- name: currency
SELECT currency FROM ledger.account WHERE id = :account;

-- name: statement
SELECT id FROM ledger.bank_statement WHERE account_id = :account AND statement_ref = :statement;

-- name: same_reference
-- Receipts that nothing confirms, and an entry of their reference and amount that confirms none.
SELECT DISTINCT ON (r.id) r.id, s.statement_ref, b.number
FROM ledger.receipt AS r
JOIN ledger.bank_statement AS s ON s.account_id = r.account_id
JOIN ledger.bank_entry AS b
    ON b.statement_id = s.id AND b.amount = r.amount AND r.reference IN (b.reference, b.bank_reference)
WHERE r.account_id = :account
  AND NOT EXISTS (SELECT FROM ledger.receipt_match AS m WHERE m.receipt_id = r.id)
  AND NOT EXISTS (
      SELECT FROM ledger.receipt_match AS m WHERE (m.statement_id, m.entry_number) = (b.statement_id, b.number)
  )
ORDER BY r.id, s.closing_on, b.number;
