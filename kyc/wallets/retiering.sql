-- name: wallets_of
-- In id order, as they are locked.
SELECT w.account_id, w.pack_id, w.tier, w.override_until, w.restriction_cause, p.kind
FROM kyc.wallet AS w JOIN kyc.person AS p ON p.id = w.person_id
WHERE w.person_id = :person ORDER BY w.account_id;

-- name: end_override!
UPDATE kyc.wallet SET override_until = NULL
WHERE account_id = :account AND override_until <= :at;
