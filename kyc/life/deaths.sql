-- name: lock
SELECT p.id, d.stage FROM kyc.person AS p LEFT JOIN kyc.death AS d ON d.person_id = p.id
WHERE p.id = :person;

-- name: serialise
SELECT pg_advisory_xact_lock(hashtextextended('kyc.death ' || :person::text, 0));
