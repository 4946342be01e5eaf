-- name: lock_account
SELECT frozen_debit, frozen_credit FROM ledger.account WHERE id = :account FOR NO KEY UPDATE;

-- name: record!
INSERT INTO kyc.freeze (id, account_id, debit, credit, because, made_by, made_at, approval_id)
VALUES (:id, :account, :debit, :credit, :because, :by, :at, :approval);

-- name: frozen_by_staff
SELECT debit, credit FROM kyc.freeze WHERE account_id = :account ORDER BY made_at DESC, id DESC LIMIT 1;
