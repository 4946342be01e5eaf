-- name: begin!
INSERT INTO kyc.review (person_id, rating, reviewed_at, due_on, remind_on)
SELECT person_id, :rating, :at, :due_on, :remind_on FROM unnest(:persons::uuid[]) AS new (person_id);

-- name: lock
SELECT rating, reviewed_at, due_on FROM kyc.review WHERE person_id = :person FOR NO KEY UPDATE;

-- name: move!
UPDATE kyc.review SET rating = :rating, reviewed_at = :reviewed_at, due_on = :due_on, remind_on = :remind_on
WHERE person_id = :person;

-- name: due
SELECT r.person_id, p.external_ref, r.rating, r.reviewed_at, r.due_on
FROM kyc.review AS r JOIN kyc.person AS p ON p.id = r.person_id
WHERE r.due_on <= :until ORDER BY r.due_on, r.person_id LIMIT :most;

-- name: to_remind
-- What another run has in hand is left to it; events are then recorded in id order.
SELECT person_id, rating, due_on FROM (
    SELECT person_id, rating, due_on FROM kyc.review
    WHERE remind_on <= :today ORDER BY remind_on LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
) AS locked ORDER BY person_id;

-- name: reminded!
UPDATE kyc.review SET remind_on = :next WHERE person_id = :person;
