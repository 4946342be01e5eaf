-- name: sums
SELECT account_id, purpose, received, drawn FROM ledger.receipt_fund WHERE account_id = ANY(:accounts);

-- name: named
SELECT r.account_id, r.reference, s.received, s.drawn,
       EXISTS (SELECT FROM ledger.receipt_match AS m WHERE m.receipt_id = r.id)
FROM unnest(:accounts::uuid[], :references::text[]) AS asked (account_id, reference)
JOIN ledger.receipt AS r USING (account_id, reference)
JOIN ledger.receipt_state AS s ON s.receipt_id = r.id
WHERE r.purpose = 'issue';
