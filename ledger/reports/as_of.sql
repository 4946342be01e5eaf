-- name: version_at
-- The last version of an account that was posted at or before a moment (0: before the first), and its balance: one
-- probe of the key, in the partition of the moment and in those before it as long as they hold nothing of the account.
SELECT coalesce(e.version, 0), coalesce(e.balance_after, 0)
FROM ledger.account AS a
LEFT JOIN LATERAL (
    SELECT version, balance_after FROM ledger.entry
    WHERE account_id = a.id AND posted_at <= :moment
    ORDER BY posted_at DESC, version DESC LIMIT 1
) AS e ON true
WHERE a.id = :account;

-- name: effective_by
-- Of an account at each of some moments: its last version, how many of its entries are effective by then, and its balance
-- of these. Nothing counts before it is effective, so that is what was posted by then, and what of that posted later
-- counts by then, which is late.
SELECT a.version, coalesce(e.version, 0) + late.entries, coalesce(e.balance_after, 0) + (a.sign * late.amount)::bigint
FROM ledger.account AS a
CROSS JOIN unnest(:moments::timestamptz[]) WITH ORDINALITY AS m (moment, number)
LEFT JOIN LATERAL (
    SELECT version, balance_after FROM ledger.entry
    WHERE account_id = a.id AND posted_at <= m.moment
    ORDER BY posted_at DESC, version DESC LIMIT 1
) AS e ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS entries, coalesce(sum(s.amount), 0) AS amount
    FROM (
        SELECT t.amount FROM ledger.transfer AS t
        WHERE t.debit_account = a.id AND t.effective_at < t.posted_at
          AND t.posted_at > m.moment AND t.effective_at <= m.moment
        UNION ALL
        SELECT -t.amount FROM ledger.transfer AS t
        WHERE t.credit_account = a.id AND t.effective_at < t.posted_at
          AND t.posted_at > m.moment AND t.effective_at <= m.moment
    ) AS s
) AS late
WHERE a.id = :account
ORDER BY m.number;

-- name: totals_by_posting_time
-- Every account's balance at a moment, summed by kind and currency: what it holds now less what was posted later,
-- which is all that is read of the entries. Balances below zero are summed apart: no holder covers another.
WITH later AS (
    SELECT e.account_id, sum(e.amount) AS net
    FROM ledger.entry AS e WHERE e.posted_at > :moment GROUP BY e.account_id
), at_moment AS (
    SELECT a.currency, a.kind,
           a.sign * (a.debits_posted - a.credits_posted - coalesce(l.net, 0)) AS balance
    FROM ledger.account AS a
    LEFT JOIN later AS l ON l.account_id = a.id
)
SELECT currency, kind, count(*), coalesce(sum(balance) FILTER (WHERE balance > 0), 0)::bigint,
       coalesce(sum(balance) FILTER (WHERE balance < 0), 0)::bigint
FROM at_moment GROUP BY currency, kind ORDER BY currency, kind;
