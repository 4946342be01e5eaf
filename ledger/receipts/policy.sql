-- name: current
SELECT ledger.receipt_policy_v1();

-- name: history
SELECT id, policy, actor, reason, at FROM ledger.receipt_policy ORDER BY number DESC;
