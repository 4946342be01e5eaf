-- name: overdue
SELECT debit_account, credit_account FROM ledger.open_hold WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit;
