-- name: lock_holder
SELECT pg_advisory_xact_lock(hashtextextended('kyc.holder ' || :holder::text, 0));
