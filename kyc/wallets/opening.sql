-- name: wallets_held
-- At the tier, by any record of the person.
SELECT count(*) FROM kyc.wallet AS w JOIN ledger.account AS a ON a.id = w.account_id
WHERE a.holder = :holder AND w.pack_id = :pack AND w.tier = :tier AND a.closed_at IS NULL;

-- name: lock_holder
SELECT pg_advisory_xact_lock(hashtextextended('kyc.holder ' || :holder::text, 0));
