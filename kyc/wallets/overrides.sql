-- name: record!
INSERT INTO kyc.tier_override (id, account_id, pack_id, tier, made_at, until, approval_id)
VALUES (:id, :account, :pack, :tier, :at, :until, :approval);

-- name: hold_until!
UPDATE kyc.wallet SET override_until = :until WHERE account_id = :account;

-- name: pack_of
SELECT pack_id FROM kyc.wallet WHERE account_id = :account;
