-- name: original
SELECT debit_account, credit_account, amount, currency, operation, effective_at FROM ledger.transfer WHERE id = :id;

-- name: given_back
SELECT coalesce(sum(amount), 0)::bigint FROM ledger.reversal WHERE original_id = :id;

-- name: record!
INSERT INTO ledger.reversal (transfer_id, original_id, amount, reason, at)
VALUES (:transfer, :original, :amount, :reason, :at);

-- name: return_usage!
-- Only where the original was counted: a wallet without limits has no counters.
UPDATE ledger.usage SET returned_amount = returned_amount + :amount, returned_count = returned_count + :count
WHERE account_id = :account AND starts_on = :starts_on AND span = :span
  AND direction = :direction AND operation = :operation;
