-- name: wallets_of
-- In id order, as they are locked.
SELECT account_id, pack_id, tier, override_until, restriction_cause FROM kyc.wallet
WHERE person_id = :person ORDER BY account_id;

-- name: overrides_over
SELECT account_id, person_id FROM kyc.wallet WHERE override_until <= :at ORDER BY override_until LIMIT :most;

-- name: end_override!
UPDATE kyc.wallet SET override_until = NULL
WHERE account_id = :account AND override_until <= :at;
