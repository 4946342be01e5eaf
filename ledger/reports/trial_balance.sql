-- name: totals
-- One line per currency and kind of account, from the accounts themselves.
SELECT currency, kind, count(*), sum(debits_posted)::bigint, sum(credits_posted)::bigint
FROM ledger.account GROUP BY currency, kind ORDER BY currency, kind;

-- name: unbalanced_accounts
-- Accounts whose sums or version do not follow from their entries, with an entry whose balance does not follow
-- from the one before, or closed and not at zero.
SELECT a.id
FROM ledger.account AS a
LEFT JOIN (
    SELECT account_id, count(*) AS entries, max(version) AS version,
           coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS debits,
           coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS credits,
           min(step) AS step_min, max(step) AS step_max
    FROM (
        SELECT e.account_id, e.version, e.amount,
               e.balance_after - lag(e.balance_after, 1, 0::bigint) OVER of_account - o.sign * e.amount AS step
        FROM ledger.entry AS e JOIN ledger.account AS o ON o.id = e.account_id
        WINDOW of_account AS (PARTITION BY e.account_id ORDER BY e.version)
    ) AS stepped
    GROUP BY account_id
) AS e ON e.account_id = a.id
WHERE a.debits_posted <> coalesce(e.debits, 0) OR a.credits_posted <> coalesce(e.credits, 0)
   OR a.version <> coalesce(e.version, 0) OR a.version <> coalesce(e.entries, 0)
   OR e.step_min <> 0 OR e.step_max <> 0
   OR (a.closed_at IS NOT NULL AND (a.debits_posted, a.debits_pending, a.credits_pending) <> (a.credits_posted, 0, 0))
ORDER BY a.id;

-- name: without_limits
-- Open accounts of customers under no profile, or under one that has no rule with a bound; each with how many they are.
SELECT id, count(*) OVER ()
FROM ledger.account
WHERE kind = 'customer' AND closed_at IS NULL AND (
    profile_id IS NULL
    OR profile_id IN (SELECT p.id FROM ledger.limit_profile AS p WHERE NOT p.rules @? '$[*] ? (@.bound <> "none")')
)
ORDER BY id LIMIT :most;

-- name: wrong_receipts
-- Accounts of funds whose receipts do not follow from what was recorded, withdrawn, issued and reversed, or where more is
-- issued than was received; and receipts on which more is issued than on them was.
WITH issued AS (
    SELECT t.id, t.debit_account AS account_id, t.reference, t.amount,
           CASE t.operation WHEN 'opening' THEN 'opening' ELSE 'issue' END AS purpose,
           t.amount - coalesce((
               SELECT sum(r.amount) FROM ledger.reversal AS r JOIN ledger.transfer AS b ON b.id = r.transfer_id
               WHERE r.original_id = t.id AND b.operation = 'reversal'
           ), 0) AS drawn
    FROM ledger.transfer AS t
    JOIN ledger.account AS d ON d.id = t.debit_account AND d.sign = 1
    JOIN ledger.account AS c ON c.id = t.credit_account AND c.sign = -1
    WHERE t.operation NOT IN ('refund', 'reversal')
), received AS (
    SELECT r.id, r.account_id, r.purpose, r.reference, r.amount - coalesce((
               SELECT sum(w.amount) FROM ledger.receipt_withdrawal AS w WHERE w.receipt_id = r.id
           ), 0) AS received
    FROM ledger.receipt AS r
), named AS (
    SELECT u.receipt_id, sum(i.drawn) AS drawn,
           bool_and(coalesce((i.account_id, i.reference, i.amount) = (r.account_id, r.reference, u.amount), false)) AS follows
    FROM ledger.receipt_issue AS u
    JOIN ledger.receipt AS r ON r.id = u.receipt_id
    LEFT JOIN issued AS i ON i.id = u.transfer_id
    GROUP BY 1
)
SELECT coalesce(f.account_id, s.account_id)
FROM ledger.receipt_fund AS f
FULL JOIN (
    SELECT account_id, purpose, sum(received) AS received, sum(drawn) AS drawn
    FROM (
        SELECT account_id, purpose, received, 0 AS drawn FROM received
        UNION ALL SELECT account_id, purpose, 0, drawn FROM issued
    ) AS each GROUP BY 1, 2
) AS s ON (s.account_id, s.purpose) = (f.account_id, f.purpose)
WHERE (f.received, f.drawn) IS DISTINCT FROM (s.received, s.drawn) OR s.drawn > s.received
UNION
SELECT r.account_id
FROM received AS r
LEFT JOIN ledger.receipt_state AS s ON s.receipt_id = r.id
LEFT JOIN named AS n ON n.receipt_id = r.id
WHERE (s.received, s.drawn) IS DISTINCT FROM (r.received, coalesce(n.drawn, 0))
   OR n.drawn > r.received OR NOT coalesce(n.follows, true)
ORDER BY 1
LIMIT 100;

-- name: wrong_transfers
-- Transfers without the debit and the credit entry that they name, entries that no transfer names, and claims
-- without exactly one outcome; retired claims are not looked for.
SELECT t.id
FROM ledger.transfer AS t
LEFT JOIN ledger.entry AS d
    ON d.account_id = t.debit_account AND d.version = t.debit_version AND d.posted_at = t.posted_at
LEFT JOIN ledger.entry AS c
    ON c.account_id = t.credit_account AND c.version = t.credit_version AND c.posted_at = t.posted_at
WHERE (d.transfer_id, d.amount, d.balance_after) IS DISTINCT FROM (t.id, t.amount, t.debit_balance)
   OR (c.transfer_id, c.amount, c.balance_after) IS DISTINCT FROM (t.id, -t.amount, t.credit_balance)
UNION
SELECT e.transfer_id
FROM ledger.entry AS e
LEFT JOIN ledger.transfer AS t ON t.id = e.transfer_id
WHERE e.account_id IS DISTINCT FROM CASE WHEN e.amount > 0 THEN t.debit_account ELSE t.credit_account END
   OR e.version IS DISTINCT FROM CASE WHEN e.amount > 0 THEN t.debit_version ELSE t.credit_version END
UNION
SELECT coalesce(c.id, o.id)
FROM ledger.claim AS c
FULL JOIN (
    SELECT id FROM ledger.transfer
    UNION ALL SELECT transfer_id FROM ledger.refusal
    UNION ALL SELECT id FROM ledger.hold
    UNION ALL
    SELECT named.id  -- a group's, as ledger.transfers.claim_of_group makes it
    FROM (
        SELECT uuid_send(group_id) AS bytes FROM ledger.transfer WHERE group_id IS NOT NULL
        UNION
        SELECT uuid_send(group_id) FROM ledger.refusal WHERE group_id IS NOT NULL
    ) AS sent
    JOIN ledger.claim AS named ON named.id = encode(set_byte(bytes, 8, get_byte(bytes, 8) # 128), 'hex')::uuid
) AS o ON o.id = c.id
GROUP BY coalesce(c.id, o.id)
HAVING count(*) <> 1 OR count(o.id) <> 1
    OR count(c.id) <> 1
       AND (coalesce(c.id, o.id) < (SELECT ledger.first_id(until) FROM ledger.partition_start WHERE name = 'claim' AND retired)
            AND ledger.tells_time(coalesce(c.id, o.id))) IS NOT TRUE
LIMIT 100;
