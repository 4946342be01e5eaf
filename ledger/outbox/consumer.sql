-- name: place
SELECT done, ahead, first, last, position, generation, failing, attempts, failure, retry_at
FROM ledger.consumer WHERE name = :name;

-- name: now
SELECT pg_current_snapshot()::text;

-- name: enter!
INSERT INTO ledger.consumer (name, done, created_at) VALUES (:name, :done, :at) ON CONFLICT (name) DO NOTHING;

-- name: look_ahead
-- This moment's snapshot, and the first and last position of what it sees and the acknowledged one does not.
-- One statement, so that what is counted is what the snapshot sees.
WITH fresh AS (
    SELECT position, xact FROM ledger.transfer WHERE xact >= :done_xmin
    UNION ALL
    SELECT position, xact FROM ledger.refusal WHERE xact >= :done_xmin
    UNION ALL
    SELECT position, xact FROM ledger.event WHERE xact >= :done_xmin
)
SELECT pg_current_snapshot()::text, min(position), max(position)
FROM fresh WHERE xact >= :done_xmax OR xact = ANY(:done_running::bigint[]);

-- name: posted
-- The next posted transfers between two snapshots, by position.
SELECT t.position, t.id, t.posted_at, coalesce(d.external_ref, d.id::text), coalesce(c.external_ref, c.id::text),
       t.amount, t.currency, t.operation, t.reference, t.group_id, t.effective_at, t.debit_version, t.credit_version
FROM (
    SELECT * FROM ledger.transfer
    WHERE position > :low AND position <= :high AND xact >= :done_xmin AND xact < :ahead_xmax
      AND (xact >= :done_xmax OR xact = ANY(:done_running::bigint[])) AND xact <> ALL(:ahead_running::bigint[])
    ORDER BY position LIMIT :limit
) AS t
JOIN ledger.account AS d ON d.id = t.debit_account
JOIN ledger.account AS c ON c.id = t.credit_account
ORDER BY t.position;

-- name: refused
-- The next refusals between two snapshots, by position.
SELECT r.position, r.transfer_id, r.decided_at, coalesce(d.external_ref, d.id::text),
       coalesce(c.external_ref, c.id::text), r.amount, r.currency, r.operation, r.reference, r.group_id,
       r.effective_at, r.rule, r.decision, r.source, r.numbers
FROM (
    SELECT * FROM ledger.refusal
    WHERE position > :low AND position <= :high AND xact >= :done_xmin AND xact < :ahead_xmax
      AND (xact >= :done_xmax OR xact = ANY(:done_running::bigint[])) AND xact <> ALL(:ahead_running::bigint[])
    ORDER BY position LIMIT :limit
) AS r
JOIN ledger.account AS d ON d.id = r.debit_account
JOIN ledger.account AS c ON c.id = r.credit_account
ORDER BY r.position;

-- name: recorded
-- The next events of other kinds between two snapshots, by position.
SELECT e.position, e.id, e.recorded_at, e.kind, coalesce(a.external_ref, e.subject::text), e.payload
FROM (
    SELECT * FROM ledger.event
    WHERE position > :low AND position <= :high AND xact >= :done_xmin AND xact < :ahead_xmax
      AND (xact >= :done_xmax OR xact = ANY(:done_running::bigint[])) AND xact <> ALL(:ahead_running::bigint[])
    ORDER BY position LIMIT :limit
) AS e
LEFT JOIN ledger.account AS a ON a.id = e.subject
ORDER BY e.position;

-- name: move!
UPDATE ledger.consumer
SET done = :done, ahead = :ahead, first = :first, last = :last, position = :position, acknowledged_at = :at,
    generation = generation + 1, failing = NULL, attempts = 0, failure = NULL, retry_at = NULL
WHERE name = :name AND generation = :generation;

-- name: fail!
UPDATE ledger.consumer
SET failing = :failing, attempts = :attempts, failure = :failure, retry_at = :retry_at, generation = generation + 1
WHERE name = :name AND generation = :generation;

-- name: bury!
INSERT INTO ledger.dead_letter (id, consumer, event_id, event_type, attempts, reason, failed_at)
VALUES (:id, :consumer, :event_id, :event_type, :attempts, :reason, :at)
ON CONFLICT (consumer, event_id) DO NOTHING;
