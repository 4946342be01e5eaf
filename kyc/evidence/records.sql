-- name: record!
INSERT INTO kyc.evidence (id, person_id, kind, number, state, method, assurance, expires_on, recorded_by, reason,
    provider, recorded_at)
SELECT id, person_id, kind, 1, state, method, assurance, expires_on, :actor, :reason, :provider, :at
FROM unnest(:ids::uuid[], :persons::uuid[], :kinds::text[], :states::text[], :methods::text[], :assurances::text[],
            :expiries::date[]) AS new (id, person_id, kind, state, method, assurance, expires_on);

-- name: change!
-- The state it is in is part of the condition: of two who change it at once, one changes nothing.
UPDATE kyc.evidence
SET number = number + 1, state = :state, method = :method, assurance = :assurance, expires_on = :expires_on,
    recorded_by = :actor, reason = :reason, provider = :provider, approval_id = :approval, recorded_at = :at
WHERE id = :id AND number = :number;

-- name: lock_one
SELECT id, person_id, kind, number, state, method, assurance, expires_on, recorded_by, reason, provider, recorded_at
FROM kyc.evidence WHERE id = :id FOR NO KEY UPDATE;

-- name: of_persons
SELECT id, person_id, kind, number, state, method, assurance, expires_on, recorded_by, reason, provider, recorded_at
FROM kyc.evidence WHERE person_id = ANY(:persons::uuid[]) ORDER BY person_id, recorded_at, id;

-- name: persons_due
-- By its index; in id order, as they are then gone through.
SELECT DISTINCT person_id FROM (
    SELECT person_id FROM kyc.evidence
    WHERE expires_on < :today AND state NOT IN ('rejected', 'expired') ORDER BY expires_on LIMIT :most
) AS due ORDER BY person_id;

-- name: expire
WITH due AS (
    SELECT id FROM kyc.evidence
    WHERE person_id = :person AND expires_on < :today AND state NOT IN ('rejected', 'expired')
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE kyc.evidence AS e
SET number = number + 1, state = 'expired', approval_id = NULL, recorded_by = 'evidence-expiry',
    reason = 'past its last day, ' || expires_on, recorded_at = greatest(:at, recorded_at)
FROM due WHERE e.id = due.id;
