-- name: totals
-- One line per currency and kind of account, from the accounts themselves.
SELECT currency, kind, count(*), sum(debits_posted)::bigint, sum(credits_posted)::bigint
FROM ledger.account GROUP BY currency, kind ORDER BY currency, kind;

-- name: unbalanced_accounts
-- Accounts whose sums, version or balance do not follow from their entries.
SELECT a.id
FROM ledger.account AS a
LEFT JOIN (
    SELECT account_id, count(*) AS entries, max(version) AS version,
           coalesce(sum(amount) FILTER (WHERE direction = 1), 0) AS debits,
           coalesce(sum(amount) FILTER (WHERE direction = -1), 0) AS credits
    FROM ledger.entry GROUP BY account_id
) AS e ON e.account_id = a.id
WHERE a.debits_posted <> coalesce(e.debits, 0) OR a.credits_posted <> coalesce(e.credits, 0)
   OR a.version <> coalesce(e.version, 0) OR a.version <> coalesce(e.entries, 0)
ORDER BY a.id;

-- name: one_sided_transfers
-- Transfers without exactly one debit and one credit entry of their amount, and entries without a transfer.
SELECT coalesce(t.id, e.transfer_id)
FROM ledger.transfer AS t
FULL JOIN (
    SELECT transfer_id, count(*) AS entries,
           sum(amount) FILTER (WHERE direction = 1) AS debit, sum(amount) FILTER (WHERE direction = -1) AS credit
    FROM ledger.entry GROUP BY transfer_id
) AS e ON e.transfer_id = t.id
WHERE e.entries IS DISTINCT FROM 2 OR e.debit IS DISTINCT FROM t.amount OR e.credit IS DISTINCT FROM t.amount
LIMIT 100;
