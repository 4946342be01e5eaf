-- name: lock_account
SELECT FROM ledger.account WHERE id = :account FOR NO KEY UPDATE;

-- name: frozen_by_dormancy
SELECT true, true FROM kyc.dormancy WHERE account_id = :account AND stage NOT IN ('notified', 'ended');

-- name: frozen_by_death
-- What is owed to the dead may still arrive.
SELECT true, false FROM kyc.wallet AS w JOIN kyc.death AS d ON d.person_id = w.person_id
WHERE w.account_id = :account AND d.stage <> 'withdrawn';
