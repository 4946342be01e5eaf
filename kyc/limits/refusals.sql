-- name: refusal
-- A transfer that was refused, as it was asked for and with what it was told.
SELECT debit_account, credit_account, amount, currency, operation, effective_at, decided_at, rule, decision, source,
       numbers
FROM ledger.refusal WHERE transfer_id = :id;
