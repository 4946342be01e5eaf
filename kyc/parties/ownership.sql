-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('kyc.ownership', 0));

-- name: kinds
SELECT id, kind FROM kyc.person WHERE id = ANY(:persons::uuid[]);

-- name: name_owners!
-- All in one statement: at its end the database sees whether the shares add up.
INSERT INTO kyc.ownership (statement_id, owner_id, share_bp, control, senior_manager)
SELECT :statement, owner_id, share_bp, control, senior_manager
FROM unnest(:owners::uuid[], :shares::integer[], :controls::boolean[], :managers::boolean[])
    AS new (owner_id, share_bp, control, senior_manager);

-- name: owners_of
-- By the newest statement.
SELECT o.owner_id, p.kind, o.share_bp, o.control, o.senior_manager
FROM kyc.ownership AS o JOIN kyc.person AS p ON p.id = o.owner_id
WHERE o.statement_id = (
    SELECT s.id FROM kyc.ownership_statement AS s
    WHERE s.entity_id = :entity ORDER BY s.recorded_at DESC, s.id DESC LIMIT 1
)
ORDER BY o.owner_id;
