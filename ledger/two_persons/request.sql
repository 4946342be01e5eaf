-- name: ask!
INSERT INTO ledger.request (id, action, subject, target, details, actor, reason, requested_at, expires_at, signature)
VALUES (:id, :action, :subject, :target, :details, :actor, :reason, :at, :expires_at, :signature);

-- name: decide!
INSERT INTO ledger.request_decision
    (request_id, action, subject, asked_by, requested_at, expires_at, kept, outcome, actor, reason, decided_at, signature)
SELECT id, action, subject, actor, requested_at, expires_at, kept, :outcome, :actor, :reason, :at, :signature
FROM ledger.request WHERE id = :id;

-- name: done!
INSERT INTO ledger.request_done (request_id, decided_at, kept, done_at)
SELECT request_id, decided_at, kept, greatest(decided_at, :at)
FROM ledger.request_decision WHERE request_id = :id AND outcome = 'approved';

-- name: serialise
-- Two executions of one request wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended('ledger.request ' || (:id)::text, 0));

-- name: find
SELECT r.id, r.action, r.subject, r.target, r.details, r.reason, r.actor, r.requested_at, r.expires_at,
       d.outcome, d.actor, d.reason, d.decided_at, x.done_at
FROM ledger.request AS r
LEFT JOIN ledger.request_decision AS d ON d.request_id = r.id
LEFT JOIN ledger.request_done AS x ON x.request_id = r.id
WHERE r.id = :id AND r.action = ANY (:actions);

-- name: lapses
-- An approval is carried out within the time that a request of its action may wait, counted from the decision.
SELECT d.decided_at + a.open_at_most
FROM ledger.request_decision AS d JOIN ledger.request_action AS a ON a.name = d.action WHERE d.request_id = :id;

-- name: waiting
SELECT r.id, r.action, r.subject, r.target, r.details, r.reason, r.actor, r.requested_at, r.expires_at,
       d.outcome, d.actor, d.reason, d.decided_at, NULL
FROM ledger.request AS r
JOIN ledger.request_action AS a ON a.name = r.action
LEFT JOIN ledger.request_decision AS d ON d.request_id = r.id
WHERE r.action = ANY (:actions)
  AND CASE WHEN d.outcome IS NULL THEN r.expires_at > :at
           ELSE d.outcome = 'approved' AND d.decided_at + a.open_at_most > :at AND NOT EXISTS (SELECT FROM ledger.request_done AS x WHERE x.request_id = r.id)
      END
ORDER BY r.requested_at, r.id LIMIT :most;

-- name: every
SELECT r.id, r.action, r.subject, r.target, r.details, r.reason, r.actor, r.requested_at, r.expires_at,
       d.outcome, d.actor, d.reason, d.decided_at, x.done_at
FROM ledger.request AS r
LEFT JOIN ledger.request_decision AS d ON d.request_id = r.id
LEFT JOIN ledger.request_done AS x ON x.request_id = r.id
WHERE r.action = ANY (:actions)
ORDER BY r.requested_at DESC, r.id LIMIT :most;

-- name: pending
SELECT r.id, r.action, r.subject, r.target, r.details, r.reason, r.actor, r.requested_at, r.expires_at,
       d.outcome, d.actor, d.reason, d.decided_at, NULL
FROM ledger.request AS r
JOIN ledger.request_action AS a ON a.name = r.action
LEFT JOIN ledger.request_decision AS d ON d.request_id = r.id
WHERE (r.subject = :subject OR r.target = :target) AND r.action = :action AND r.details = :details
  AND CASE WHEN d.outcome IS NULL THEN r.expires_at > :at
           ELSE d.outcome = 'approved' AND d.decided_at + a.open_at_most > :at AND NOT EXISTS (SELECT FROM ledger.request_done AS x WHERE x.request_id = r.id)
      END
ORDER BY d.outcome IS NULL, r.requested_at LIMIT 1;

-- name: standing
-- The newest approval of an action on this with exactly these details.
SELECT r.id FROM ledger.request AS r JOIN ledger.request_decision AS d ON d.request_id = r.id
WHERE (r.subject = :subject OR r.target = :target) AND r.action = :action AND r.details = :details
  AND d.outcome = 'approved'
ORDER BY d.decided_at DESC LIMIT 1;

-- name: signatures
SELECT r.signature, d.signature FROM ledger.request AS r
LEFT JOIN ledger.request_decision AS d ON d.request_id = r.id WHERE r.id = :id;
