-- name: changes
SELECT account_id, number, kind, frozen_debit, frozen_credit, freeze_kind, freeze_debit, freeze_credit, approval_id,
       floor, ceiling, parent_id, profile_id, actor, reason, at
FROM ledger.account_change WHERE account_id = :account ORDER BY number;

-- name: record!
INSERT INTO ledger.account_change (account_id, number, kind, frozen_debit, frozen_credit, freeze_kind, freeze_debit,
    freeze_credit, approval_id, floor, ceiling, parent_id, actor, reason, at)
VALUES (:account, :number, :kind, :frozen_debit, :frozen_credit, :freeze_kind, :freeze_debit, :freeze_credit, :approval,
    :floor, :ceiling, :parent, :actor, :reason, :at);
