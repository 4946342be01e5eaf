-- name: original
SELECT debit_account, credit_account, amount, currency, operation FROM ledger.transfer WHERE id = :id;

-- name: given_back
SELECT coalesce(sum(amount), 0)::bigint FROM ledger.reversal WHERE original_id = :id;

-- name: record!
INSERT INTO ledger.reversal (transfer_id, original_id, amount, reason, at)
VALUES (:transfer, :original, :amount, :reason, :at);
