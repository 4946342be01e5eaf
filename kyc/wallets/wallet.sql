-- name: open_wallets
-- Only for accounts that are what was asked for: just opened, or opened so before.
INSERT INTO kyc.wallet (account_id, person_id, pack_id, tier, tier_since)
SELECT new.account_id, new.person_id, :pack, new.tier, new.since
FROM unnest(:accounts::uuid[], :refs::text[], :persons::uuid[], :profiles::uuid[], :tiers::text[], :since::timestamptz[])
    AS new (account_id, ref, person_id, profile_id, tier, since)
JOIN ledger.account AS a
    ON a.id = new.account_id AND a.kind = 'customer' AND a.external_ref = new.ref AND a.profile_id = new.profile_id
ORDER BY new.account_id
ON CONFLICT (account_id) DO NOTHING
RETURNING account_id;

-- name: wallet_refs
SELECT w.account_id, a.external_ref FROM kyc.wallet AS w JOIN ledger.account AS a ON a.id = w.account_id
WHERE w.account_id = ANY(:accounts::uuid[]);

-- name: not_wallets
SELECT id FROM unnest(:accounts::uuid[]) AS given (id)
WHERE NOT EXISTS (SELECT FROM kyc.wallet AS w WHERE w.account_id = given.id);

-- name: lock_unfit
-- Locks the accounts, in id order, and tells the first that cannot be put under the pack's limits.
WITH locked AS MATERIALIZED (
    SELECT id, kind, currency, profile_id FROM ledger.account
    WHERE id = ANY(:accounts::uuid[]) ORDER BY id FOR NO KEY UPDATE
)
SELECT given.id,
       CASE
           WHEN a.id IS NULL THEN 'is not in the ledger'
           WHEN a.kind <> 'customer' THEN 'is of the kind ' || a.kind
           WHEN a.currency <> :currency THEN 'holds ' || a.currency
           ELSE 'is under other limits already'
       END
FROM unnest(:accounts::uuid[], :profiles::uuid[]) AS given (id, profile_id)
LEFT JOIN locked AS a ON a.id = given.id
WHERE a.id IS NULL OR a.kind <> 'customer' OR a.currency <> :currency
   OR (a.profile_id IS NOT NULL AND a.profile_id <> given.profile_id)
ORDER BY given.id LIMIT 1;

-- name: adopt_wallets
INSERT INTO kyc.wallet (account_id, pack_id, tier, tier_since)
SELECT account_id, :pack, tier, :at
FROM unnest(:accounts::uuid[], :tiers::text[]) AS new (account_id, tier)
ORDER BY account_id
ON CONFLICT (account_id) DO NOTHING
RETURNING account_id;

-- name: record_openings!
INSERT INTO kyc.tier_decision (id, account_id, pack_id, tier, profile_id, reason, evidence, decided_at)
SELECT id, account_id, :pack, tier, profile_id, reason, evidence::text[], at
FROM unnest(:ids::uuid[], :accounts::uuid[], :tiers::text[], :profiles::uuid[], :reason::text[], :evidence::text[],
            :at::timestamptz[]) AS new (id, account_id, tier, profile_id, reason, evidence, at);

-- name: record_decisions!
INSERT INTO kyc.tier_decision (id, account_id, pack_id, tier, profile_id, reason, evidence, decided_at)
SELECT id, account_id, :pack, tier, profile_id, :reason, :evidence::text[], :at
FROM unnest(:ids::uuid[], :accounts::uuid[], :tiers::text[], :profiles::uuid[]) AS new (id, account_id, tier, profile_id);

-- name: move_wallet!
UPDATE kyc.wallet SET pack_id = :pack, tier = :tier, tier_since = :at WHERE account_id = :account;
