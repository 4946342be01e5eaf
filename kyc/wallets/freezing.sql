-- name: lock_account
SELECT frozen_debit, frozen_credit FROM ledger.account WHERE id = :account FOR NO KEY UPDATE;

-- name: record!
INSERT INTO kyc.freeze (id, account_id, debit, credit, reason, made_by, made_at, approval_id)
VALUES (:id, :account, :debit, :credit, :reason, :actor, :at, :approval);

-- name: frozen_by_staff
SELECT debit, credit FROM kyc.freeze WHERE account_id = :account ORDER BY made_at DESC, id DESC LIMIT 1;

-- name: frozen_by_dormancy
SELECT true, true FROM kyc.dormancy WHERE account_id = :account AND stage NOT IN ('notified', 'ended');

-- name: frozen_by_death
-- What is owed to the dead may still arrive.
SELECT true, false FROM kyc.wallet AS w JOIN kyc.death AS d ON d.person_id = w.person_id
WHERE w.account_id = :account AND d.stage <> 'withdrawn';
