-- name: about
-- Whether a domain has a way back, and whether it gave out this token.
SELECT reversible, privacy.gave_out_v1(:domain, :token) FROM privacy.pseudonym_domain WHERE name = :domain;

-- name: request!
INSERT INTO privacy.reidentification_request
    (id, domain, token, purpose, reason, requested_by, requested_at, expires_at)
VALUES (:id, :domain, :token, :purpose, :reason, :actor, :at, :expires_at);

-- name: decide!
INSERT INTO privacy.reidentification_decision
    (request_id, requested_by, requested_at, expires_at, outcome, decided_by, reason, decided_at)
SELECT id, requested_by, requested_at, expires_at, :outcome, :actor, :reason, :at
FROM privacy.reidentification_request WHERE id = :id;

-- name: undisclosed
-- An approval of this person that was never carried out: its process ended in between.
SELECT FROM privacy.reidentification_decision AS d
WHERE d.request_id = :id AND d.decided_by = :actor AND d.outcome = 'approved'
  AND NOT EXISTS (SELECT FROM privacy.reidentification AS i WHERE i.request_id = d.request_id);

-- name: disclose
SELECT privacy.reidentify_v1(:id, :at);

-- name: every
SELECT r.id, r.domain, r.purpose, r.reason, r.requested_by, r.requested_at, r.expires_at,
       d.outcome, d.decided_by, d.reason, d.decided_at, i.disclosed_at
FROM privacy.reidentification_request AS r
LEFT JOIN privacy.reidentification_decision AS d ON d.request_id = r.id
LEFT JOIN privacy.reidentification AS i ON i.request_id = r.id
ORDER BY r.requested_at DESC, r.id LIMIT :most;
