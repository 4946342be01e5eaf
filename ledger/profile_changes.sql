-- name: lock
-- In id order: two callers with the same accounts wait for each other and never deadlock.
SELECT id FROM ledger.account WHERE id = ANY(:accounts::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: record
-- Of accounts that are locked. What is under its profile already, or closed, takes no change.
INSERT INTO ledger.account_change (account_id, number, kind, profile_id, approval_id, actor, reason, at)
SELECT a.id, 1 + (SELECT count(*) FROM ledger.account_change AS c WHERE c.account_id = a.id), 'profile', new.profile_id,
       :approval, :actor, :reason, :at
FROM unnest(:accounts::uuid[], :profiles::uuid[]) AS new (account_id, profile_id)
JOIN ledger.account AS a ON a.id = new.account_id
WHERE a.closed_at IS NULL AND a.profile_id IS DISTINCT FROM new.profile_id
ORDER BY a.id
RETURNING account_id, number, profile_id;
