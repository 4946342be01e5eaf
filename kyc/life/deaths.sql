-- name: lock
SELECT p.id, d.stage FROM kyc.person AS p LEFT JOIN kyc.death AS d ON d.person_id = p.id
WHERE p.id = :person;

-- name: serialise
SELECT pg_advisory_xact_lock(hashtextextended('kyc.death ' || :person::text, 0));

-- name: put!
INSERT INTO kyc.death (person_id, stage) VALUES (:person, :stage)
ON CONFLICT (person_id) DO UPDATE SET stage = excluded.stage;
