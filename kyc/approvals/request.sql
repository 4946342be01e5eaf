-- name: request!
INSERT INTO kyc.approval_request (id, action, subject, details, reason, requested_by, requested_at, expires_at)
VALUES (:id, :action, :subject, :details, :reason, :actor, :at, :expires_at);

-- name: decide!
INSERT INTO kyc.approval_decision
    (request_id, action, subject, requested_by, requested_at, expires_at, outcome, decided_by, reason, decided_at)
SELECT id, action, subject, requested_by, requested_at, expires_at, :outcome, :actor, :reason, :at
FROM kyc.approval_request WHERE id = :id;

-- name: find
SELECT r.id, r.action, r.subject, r.details, r.reason, r.requested_by, r.requested_at, r.expires_at,
       d.outcome, d.decided_by, d.reason, d.decided_at
FROM kyc.approval_request AS r LEFT JOIN kyc.approval_decision AS d ON d.request_id = r.id
WHERE r.id = :id;

-- name: waiting
SELECT r.id, r.action, r.subject, r.details, r.reason, r.requested_by, r.requested_at, r.expires_at,
       NULL, NULL, NULL, NULL
FROM kyc.approval_request AS r
WHERE r.expires_at > :at AND NOT EXISTS (SELECT FROM kyc.approval_decision AS d WHERE d.request_id = r.id)
ORDER BY r.requested_at, r.id LIMIT :most;

-- name: every
SELECT r.id, r.action, r.subject, r.details, r.reason, r.requested_by, r.requested_at, r.expires_at,
       d.outcome, d.decided_by, d.reason, d.decided_at
FROM kyc.approval_request AS r LEFT JOIN kyc.approval_decision AS d ON d.request_id = r.id
ORDER BY r.requested_at DESC, r.id LIMIT :most;

-- name: standing
-- The newest approval of an action on a subject with exactly these details.
SELECT r.id FROM kyc.approval_request AS r JOIN kyc.approval_decision AS d ON d.request_id = r.id
WHERE r.subject = :subject AND r.action = :action AND r.details = :details AND d.outcome = 'approved'
ORDER BY d.decided_at DESC LIMIT 1;
