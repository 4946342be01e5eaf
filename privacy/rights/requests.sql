-- name: insert_request!
INSERT INTO privacy.data_request (id, subject, subjects, kind, received_at, due_on, recorded_by)
VALUES (:id, :subject, :subjects, :kind, :received_at, :due_on, :recorded_by);

-- name: lock_request!
-- One decision at a time: the same lock that the table's own guard takes.
SELECT pg_advisory_xact_lock(hashtextextended('privacy.data_request ' || (:id)::text, 0));

-- name: insert_step!
INSERT INTO privacy.data_request_step (id, request_id, number, state, ground, source, keep_until, actor, at)
SELECT :id, :request, coalesce(max(number), 0) + 1, :state, :ground, :source, :keep_until, :actor, :at
FROM privacy.data_request_step WHERE request_id = :request;

-- name: by_id
SELECT r.id, r.subject, r.subjects, r.kind, r.received_at, r.due_on, s.state, s.ground, s.source, s.keep_until, s.actor, s.at
FROM privacy.data_request AS r
CROSS JOIN LATERAL (SELECT * FROM privacy.data_request_step WHERE request_id = r.id ORDER BY number DESC LIMIT 1) AS s
WHERE r.id = :id;

-- name: of_subject
-- The newest first.
SELECT r.id, r.subject, r.subjects, r.kind, r.received_at, r.due_on, s.state, s.ground, s.source, s.keep_until, s.actor, s.at
FROM privacy.data_request AS r
CROSS JOIN LATERAL (SELECT * FROM privacy.data_request_step WHERE request_id = r.id ORDER BY number DESC LIMIT 1) AS s
WHERE :subject = ANY (r.subjects) ORDER BY r.received_at DESC, r.id DESC;

-- name: open_requests
-- What waits for an answer, and what is put off; in the order in which it is due.
SELECT r.id, r.subject, r.subjects, r.kind, r.received_at, r.due_on, s.state, s.ground, s.source, s.keep_until, s.actor, s.at
FROM privacy.data_request AS r
CROSS JOIN LATERAL (SELECT * FROM privacy.data_request_step WHERE request_id = r.id ORDER BY number DESC LIMIT 1) AS s
WHERE s.state IN ('received', 'kept')
ORDER BY s.state = 'kept', coalesce(s.keep_until, r.due_on), r.id LIMIT :most;

-- name: lock_restriction!
SELECT pg_advisory_xact_lock(hashtextextended('privacy.restriction ' || (:subject)::text, 0));

-- name: insert_restriction!
INSERT INTO privacy.restriction (id, subject, number, purposes, ground, request_id, actor, at)
SELECT :id, :subject, coalesce(max(number), 0) + 1, :purposes, :ground, :request, :actor, :at
FROM privacy.restriction WHERE subject = :subject;

-- name: restrictions
-- What each of these subjects is restricted to, where they are.
SELECT subject, purposes, ground, request_id, at FROM (
    SELECT DISTINCT ON (subject) * FROM privacy.restriction WHERE subject = ANY (:subjects) ORDER BY subject, number DESC
) AS newest WHERE purposes IS NOT NULL ORDER BY subject;

-- name: place_hold!
INSERT INTO privacy.legal_hold (id, hold_id, number, subject, reference, actor, at)
VALUES (:id, :hold, 1, :subject, :reference, :actor, :at);

-- name: release_hold
INSERT INTO privacy.legal_hold (id, hold_id, number, subject, reference, actor, at)
SELECT :id, hold_id, 2, subject, reference, :actor, :at FROM privacy.legal_hold WHERE hold_id = :hold AND number = 1
RETURNING subject;

-- name: open_holds
SELECT hold_id, subject, reference, actor, at FROM privacy.legal_hold AS placed
WHERE number = 1 AND NOT EXISTS (SELECT FROM privacy.legal_hold AS released
                                 WHERE released.hold_id = placed.hold_id AND released.number = 2)
ORDER BY at, hold_id;

-- name: held
SELECT each.subject FROM unnest((:subjects)::uuid[]) AS each (subject) WHERE privacy.held(each.subject);
