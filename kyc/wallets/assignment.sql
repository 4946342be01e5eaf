-- name: lock_wallets
SELECT account_id, person_id, pack_id, tier, tier_since, restriction, restriction_cause, restriction_next_at
FROM kyc.wallet WHERE account_id = ANY(:accounts::uuid[]) ORDER BY account_id FOR NO KEY UPDATE;

-- name: features
-- The last statement on each wallet. Read once they are locked, by a statement of its own: one that waited for a
-- lock would not see what was stated meanwhile.
SELECT w.account_id, f.reloadable, f.one_country, f.goods_only, f.loaded_with_cash, f.phone_not_validated, f.cohorts
FROM unnest(:accounts::uuid[]) AS w (account_id)
CROSS JOIN LATERAL (
    SELECT * FROM kyc.wallet_features WHERE account_id = w.account_id ORDER BY number DESC LIMIT 1
) AS f;

-- name: lock_accounts
SELECT id FROM ledger.account WHERE id = ANY(:accounts::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: held_together
SELECT coalesce(sum(a.sign * (a.debits_posted - a.credits_posted)), 0)
FROM ledger.account AS a
WHERE a.currency = :currency AND a.kind = 'customer' AND (a.holder = :holder OR a.id = :account);

-- name: restrict_wallet!
UPDATE kyc.wallet
SET restriction = :stage, restriction_cause = :cause, restriction_next_at = :next_at
WHERE account_id = :account;

-- name: record_rebinding!
-- The pack, the tier and what it rests on stay; the limits are others.
INSERT INTO kyc.tier_decision (id, account_id, pack_id, tier, profile_id, reason, evidence, decided_at)
SELECT new.id, w.account_id, w.pack_id, w.tier, new.profile_id, :reason, coalesce(d.evidence, '{}'), :at
FROM unnest(:ids::uuid[], :accounts::uuid[], :profiles::uuid[]) AS new (id, account_id, profile_id)
JOIN kyc.wallet AS w ON w.account_id = new.account_id
LEFT JOIN LATERAL (
    SELECT evidence FROM kyc.tier_decision WHERE account_id = w.account_id ORDER BY decided_at DESC, id DESC LIMIT 1
) AS d ON true;
