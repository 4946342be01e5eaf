-- name: find
-- Transfers, and how much was given back of each.
SELECT t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation,
       (SELECT coalesce(sum(r.amount), 0) FROM ledger.reversal AS r WHERE r.original_id = t.id)::bigint
FROM ledger.transfer AS t WHERE t.id = ANY(:ids);
