-- name: guardian
SELECT id, kind, birth_date FROM kyc.person WHERE external_ref = :ref;

-- name: lock_guardian
SELECT pg_advisory_xact_lock(hashtextextended('kyc.guardian ' || :guardian::text, 0));

-- name: maybe_of_age
SELECT g.minor_id, p.birth_date, w.pack_id FROM kyc.guardianship AS g
JOIN kyc.person AS p ON p.id = g.minor_id
LEFT JOIN LATERAL (
    SELECT pack_id FROM kyc.wallet WHERE person_id = g.minor_id ORDER BY account_id LIMIT 1
) AS w ON true
WHERE g.ended_at IS NULL AND g.until_year <= :year AND g.minor_id > :after
ORDER BY g.minor_id LIMIT :most;

-- name: end!
UPDATE kyc.guardianship SET ended_at = :at, ended_reason = :reason WHERE minor_id = :minor AND ended_at IS NULL;

-- name: go_on!
INSERT INTO kyc.guardianship (id, minor_id, guardian_id, authority, until_year, recorded_by, recorded_at)
SELECT :id, minor_id, guardian_id, authority, :until_year, :actor, :at
FROM kyc.guardianship WHERE minor_id = :minor AND guardian_id = :guardian
ORDER BY recorded_at DESC, id DESC LIMIT 1;
