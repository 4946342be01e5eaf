-- name: open_wallets
INSERT INTO kyc.wallet (account_id, person_id, pack_id, tier, tier_since)
SELECT account_id, person_id, :pack, tier, since
FROM unnest(:accounts::uuid[], :persons::uuid[], :tiers::text[], :since::timestamptz[])
    AS new (account_id, person_id, tier, since)
ON CONFLICT (account_id) DO NOTHING
RETURNING account_id;

-- name: record_decision!
INSERT INTO kyc.tier_decision (id, account_id, pack_id, tier, profile_id, because, evidence, decided_at)
VALUES (:id, :account, :pack, :tier, :profile, :because, :evidence, :at);

-- name: wallets_per_tier
SELECT pack_id, tier, count(*) FROM kyc.wallet GROUP BY pack_id, tier ORDER BY pack_id, tier;
