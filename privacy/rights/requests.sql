-- name: lock_request!
-- One decision at a time: the same lock that the table's own guard takes.
SELECT pg_advisory_xact_lock(hashtextextended('privacy.data_request ' || (:id)::text, 0));

-- name: insert_step!
INSERT INTO privacy.data_request_step (id, request_id, number, state, ground, source, keep_until, actor, at)
SELECT :id, :request, coalesce(max(number), 0) + 1, :state, :ground, :source, :keep_until, :actor, :at
FROM privacy.data_request_step WHERE request_id = :request;

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

-- name: held
SELECT each.subject FROM unnest((:subjects)::uuid[]) AS each (subject) WHERE privacy.held(each.subject);
