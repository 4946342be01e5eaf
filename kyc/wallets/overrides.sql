-- name: hold_until!
UPDATE kyc.wallet SET override_until = :until WHERE account_id = :account;
