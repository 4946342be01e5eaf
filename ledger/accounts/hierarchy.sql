-- name: rolled_up
-- The accounts in the hierarchy, each with its balance at a moment and the sum of all at and below it. A balance is
-- what the account holds now less what was posted later, which is all that is read of the entries.
WITH RECURSIVE member AS (
    SELECT account_id AS id FROM ledger.account_parent UNION SELECT parent_id FROM ledger.account_parent
), later AS (
    SELECT e.account_id, sum(e.amount) AS net
    FROM ledger.entry AS e WHERE e.posted_at > :moment::timestamptz GROUP BY e.account_id
), held AS (
    SELECT a.id, coalesce(a.external_ref, a.id::text) AS name, a.kind, a.currency, p.parent_id,
           (a.sign * (a.debits_posted - a.credits_posted - coalesce(l.net, 0)))::bigint AS balance
    FROM member AS m
    JOIN ledger.account AS a ON a.id = m.id
    LEFT JOIN ledger.account_parent AS p ON p.account_id = a.id
    LEFT JOIN later AS l ON l.account_id = a.id
), placed (id, top_first, level) AS (
    -- for every account the accounts above it, itself the last
    SELECT id, ARRAY[id], 1 FROM held WHERE parent_id IS NULL
    UNION ALL
    SELECT h.id, p.top_first || h.id, p.level + 1 FROM placed AS p JOIN held AS h ON h.parent_id = p.id
), total AS (
    SELECT above.id, sum(h.balance)::bigint AS total, count(*) - 1 AS below
    FROM placed AS p JOIN held AS h ON h.id = p.id CROSS JOIN LATERAL unnest(p.top_first) AS above (id)
    GROUP BY above.id
)
SELECT h.parent_id, h.id, h.name, h.kind, h.currency, p.level, h.balance, t.total, t.below
FROM placed AS p JOIN held AS h ON h.id = p.id JOIN total AS t ON t.id = p.id
WHERE p.level <= :levels
ORDER BY h.currency, h.kind, h.name;

-- name: others
-- The accounts outside the hierarchy, by currency and kind, at the same moment.
WITH later AS (
    SELECT e.account_id, sum(e.amount) AS net
    FROM ledger.entry AS e WHERE e.posted_at > :moment::timestamptz GROUP BY e.account_id
)
SELECT a.currency, a.kind, count(*),
       sum(a.sign * (a.debits_posted - a.credits_posted - coalesce(l.net, 0)))::bigint
FROM ledger.account AS a
LEFT JOIN later AS l ON l.account_id = a.id
WHERE NOT EXISTS (SELECT FROM ledger.account_parent AS p WHERE p.account_id = a.id)
  AND NOT EXISTS (SELECT FROM ledger.account_parent AS p WHERE p.parent_id = a.id)
GROUP BY a.currency, a.kind ORDER BY a.currency, a.kind;
