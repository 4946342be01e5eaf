-- name: lock
SELECT p.id, d.stage FROM kyc.person AS p LEFT JOIN kyc.death AS d ON d.person_id = p.id
WHERE p.id = :person;

-- name: serialise
SELECT pg_advisory_xact_lock(hashtextextended('kyc.death ' || :person::text, 0));

-- name: put!
INSERT INTO kyc.death (person_id, stage) VALUES (:person, :stage)
ON CONFLICT (person_id) DO UPDATE SET stage = excluded.stage;

-- name: step!
INSERT INTO kyc.death_step (id, person_id, stage, evidence_id, made_by, reason, made_at, approval_id)
VALUES (:id, :person, :stage, :evidence, :actor, :reason, :at, :approval);

-- name: wallets_of
SELECT account_id, pack_id, tier FROM kyc.wallet WHERE person_id = :person ORDER BY account_id;

-- name: steps
SELECT stage, evidence_id, made_by, reason, made_at, approval_id FROM kyc.death_step
WHERE person_id = :person ORDER BY made_at, id;
