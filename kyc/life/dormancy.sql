-- name: inactive
-- Wallets of a pack without a step under way whose holder last did something before a moment. Fees and what the
-- issuer moves are not the holder's doing; the newest entries tell, and where all of these are such, the oldest
-- of them is late enough.
SELECT w.account_id, seen.last_at
FROM kyc.wallet AS w
JOIN ledger.account AS a ON a.id = w.account_id AND a.closed_at IS NULL
CROSS JOIN LATERAL (
    SELECT coalesce(max(e.posted_at) FILTER (WHERE e.operation NOT IN ('fee', 'dormancy', 'reversal')),
                    min(e.posted_at), a.opened_at) AS last_at
    FROM (
        SELECT n.posted_at, t.operation FROM ledger.entry AS n JOIN ledger.transfer AS t ON t.id = n.transfer_id
        WHERE n.account_id = w.account_id ORDER BY n.version DESC LIMIT 20
    ) AS e
) AS seen
WHERE w.account_id > :after AND w.pack_id = :pack
  AND NOT EXISTS (SELECT FROM kyc.dormancy AS d WHERE d.account_id = w.account_id AND d.stage <> 'ended')
ORDER BY w.account_id LIMIT :most;

-- name: last_doing
SELECT coalesce(max(e.posted_at) FILTER (WHERE e.operation NOT IN ('fee', 'dormancy', 'reversal')),
                min(e.posted_at), (SELECT opened_at FROM ledger.account WHERE id = :account))
FROM (
    SELECT n.posted_at, t.operation FROM ledger.entry AS n JOIN ledger.transfer AS t ON t.id = n.transfer_id
    WHERE n.account_id = :account ORDER BY n.version DESC LIMIT 20
) AS e;

-- name: lock
SELECT w.pack_id, w.person_id, d.stage, d.inactive_since, d.blocked_at, d.next_at, d.amount
FROM kyc.wallet AS w LEFT JOIN kyc.dormancy AS d ON d.account_id = w.account_id
WHERE w.account_id = :account FOR NO KEY UPDATE OF w;

-- name: begin!
INSERT INTO kyc.dormancy (account_id, stage, inactive_since, next_at) VALUES (:account, 'notified', :since, :next_at)
ON CONFLICT (account_id) DO UPDATE
SET stage = 'notified', inactive_since = excluded.inactive_since, next_at = excluded.next_at, blocked_at = NULL,
    amount = 0
WHERE kyc.dormancy.stage = 'ended';

-- name: move!
UPDATE kyc.dormancy SET stage = :stage, blocked_at = :blocked_at, next_at = :next_at, amount = :amount
WHERE account_id = :account;

-- name: end_exemption!
UPDATE kyc.dormancy_exemption SET ended_at = :at
WHERE account_id = :account AND ground = :ground AND ended_at IS NULL;
