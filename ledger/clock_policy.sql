-- name: current
SELECT ahead_s, behind_s, late_s, late_by_operation FROM ledger.clock_policy_v1();

-- name: history
SELECT id, actor, reason, at, ahead_s, behind_s, late_s, late_by_operation FROM ledger.clock_policy ORDER BY number DESC;

-- name: set_policy
SELECT ledger.set_clock_policy_v1(:ahead, :behind, :late, :late_by_operation, :actor, :reason, :at);
