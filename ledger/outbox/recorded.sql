-- name: lock_subject
-- An event's number is to be taken under its subject's lock: the account's own where it is one, else one of
-- this id. By a subquery each, so that neither is skipped.
SELECT (SELECT a.version FROM ledger.account AS a WHERE a.id = :subject FOR NO KEY UPDATE),
       pg_advisory_xact_lock(hashtextextended('ledger.event ' || :subject::text, 0));

-- name: record!
INSERT INTO ledger.event (id, kind, subject, payload, recorded_at)
VALUES (:id, :kind, :subject, :payload, :at);

-- name: record_each!
INSERT INTO ledger.event (id, kind, subject, payload, recorded_at)
SELECT id, :kind, subject, payload, :at
FROM unnest(:ids::uuid[], :subjects::uuid[], :payloads::jsonb[]) AS new (id, subject, payload);

-- name: posted
SELECT t.position, t.id, t.posted_at, coalesce(d.external_ref, d.id::text), coalesce(c.external_ref, c.id::text),
       t.amount, t.currency, t.operation, t.reference, t.group_id, t.effective_at, t.debit_version, t.credit_version
FROM ledger.transfer AS t
JOIN ledger.account AS d ON d.id = t.debit_account
JOIN ledger.account AS c ON c.id = t.credit_account
WHERE t.id = :id;

-- name: refused
SELECT r.position, r.transfer_id, r.decided_at, coalesce(d.external_ref, d.id::text),
       coalesce(c.external_ref, c.id::text), r.amount, r.currency, r.operation, r.reference, r.group_id,
       r.effective_at, r.rule, r.decision, r.source, r.numbers
FROM ledger.refusal AS r
JOIN ledger.account AS d ON d.id = r.debit_account
JOIN ledger.account AS c ON c.id = r.credit_account
WHERE r.transfer_id = :id;

-- name: recorded
SELECT e.position, e.id, e.recorded_at, e.kind, coalesce(a.external_ref, e.subject::text), e.payload
FROM ledger.event AS e LEFT JOIN ledger.account AS a ON a.id = e.subject
WHERE e.id = :id;
