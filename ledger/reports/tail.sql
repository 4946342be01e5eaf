-- name: changed_parts
-- The parts of the accounts that, less the tail, are not what they came to at the total.
SELECT coalesce(p.part, s.part)
FROM ledger.part_states_v1(:xact, 9223372036854775807) AS p
FULL JOIN (SELECT s.part, s.states FROM ledger.day_total_part AS s WHERE s.number = :number) AS s ON s.part = p.part
WHERE coalesce(p.began, sha256('')) <> coalesce(s.states, sha256(''))
ORDER BY 1;

-- name: broken_entries
-- Accounts with an entry of the tail that does not follow from the one before it, of which the first is looked up before
-- the tail; and accounts that are closed and not at zero.
SELECT s.account_id
FROM (
    SELECT e.account_id, e.version, e.amount, e.balance_after,
           lag(e.version) OVER of_account AS version_before, lag(e.balance_after) OVER of_account AS balance_before
    FROM ledger.entry AS e WHERE e.posted_at >= :first
    WINDOW of_account AS (PARTITION BY e.account_id ORDER BY e.posted_at, e.version)
) AS s
JOIN ledger.account AS a ON a.id = s.account_id
LEFT JOIN LATERAL (
    SELECT b.version, b.balance_after FROM ledger.entry AS b
    WHERE s.version_before IS NULL AND b.account_id = s.account_id AND b.posted_at < :first
    ORDER BY b.posted_at DESC, b.version DESC LIMIT 1
) AS b ON true
WHERE (s.version, s.balance_after)
   <> (coalesce(s.version_before, b.version, 0) + 1, coalesce(s.balance_before, b.balance_after, 0) + a.sign * s.amount)
UNION
SELECT a.id FROM ledger.account AS a
WHERE a.closed_at IS NOT NULL AND (a.debits_posted, a.debits_pending, a.credits_pending) <> (a.credits_posted, 0, 0)
ORDER BY 1;

-- name: unbalanced_in_parts
-- Of the accounts of these parts, those that do not follow from all their entries, each with its part. By the key of entries.
SELECT a.id, ledger.part_of(a.id)
FROM ledger.account AS a
CROSS JOIN LATERAL (
    SELECT count(*) AS entries, coalesce(max(s.version), 0) AS version,
           coalesce(sum(s.amount) FILTER (WHERE s.amount > 0), 0) AS debits,
           coalesce(-sum(s.amount) FILTER (WHERE s.amount < 0), 0) AS credits,
           coalesce(bool_or(s.balance_after - s.balance_before <> a.sign * s.amount), false) AS broken
    FROM (
        SELECT e.version, e.amount, e.balance_after,
               lag(e.balance_after, 1, 0::bigint) OVER (ORDER BY e.version) AS balance_before
        FROM ledger.entry AS e WHERE e.account_id = a.id
    ) AS s
) AS e
WHERE ledger.part_of(a.id) = ANY(:parts::smallint[])
  AND (e.broken OR (a.debits_posted, a.credits_posted, a.version, a.version) <> (e.debits, e.credits, e.version, e.entries));

-- name: wrong_transfers
-- Of the tail: transfers without the debit and the credit entry that they name; entries that no transfer names, whose
-- transfer may be older than the tail and is then looked up by its id; what was posted, refused or held without a claim,
-- but for retired ones.
SELECT t.id
FROM ledger.transfer AS t
LEFT JOIN ledger.entry AS d
    ON d.account_id = t.debit_account AND d.version = t.debit_version AND d.posted_at = t.posted_at AND d.posted_at >= :first
LEFT JOIN ledger.entry AS c
    ON c.account_id = t.credit_account AND c.version = t.credit_version AND c.posted_at = t.posted_at AND c.posted_at >= :first
WHERE t.xact >= :xact
  AND ((d.transfer_id, d.amount, d.balance_after) IS DISTINCT FROM (t.id, t.amount, t.debit_balance)
    OR (c.transfer_id, c.amount, c.balance_after) IS DISTINCT FROM (t.id, -t.amount, t.credit_balance))
UNION
SELECT e.transfer_id
FROM ledger.entry AS e
LEFT JOIN (
    SELECT t.id, t.debit_account, t.debit_version, t.credit_account, t.credit_version
    FROM ledger.transfer AS t WHERE t.xact >= :xact
) AS t ON t.id = e.transfer_id
WHERE e.posted_at >= :first
  AND CASE WHEN t.id IS NOT NULL THEN
        (e.account_id, e.version) = CASE WHEN e.amount > 0 THEN (t.debit_account, t.debit_version) ELSE (t.credit_account, t.credit_version) END
      ELSE (
        SELECT (e.account_id, e.version) = CASE WHEN e.amount > 0 THEN (o.debit_account, o.debit_version) ELSE (o.credit_account, o.credit_version) END
        FROM ledger.transfer AS o WHERE o.id = e.transfer_id
      ) END IS NOT TRUE
UNION
SELECT o.id
FROM (
    SELECT id FROM ledger.transfer WHERE xact >= :xact
    UNION ALL SELECT transfer_id FROM ledger.refusal WHERE xact >= :xact
    UNION ALL SELECT id FROM ledger.hold WHERE xact >= :xact
) AS o
GROUP BY o.id
HAVING count(*) <> 1
    OR (SELECT c.id FROM ledger.claim AS c WHERE c.id = o.id) IS NULL
       AND (o.id < (SELECT ledger.first_id(until) FROM ledger.partition_start WHERE name = 'claim' AND retired)
            AND ledger.tells_time(o.id)) IS NOT TRUE
LIMIT 100;

-- name: wrong_receipts
-- Accounts of funds that are not what they came to at the total and what was received and issued in the tail; and
-- those with a receipt of the tail, or one that the tail was issued on, that does not follow or is passed.
WITH named AS (
    SELECT u.receipt_id
    FROM ledger.transfer AS t
    CROSS JOIN LATERAL (SELECT u.receipt_id FROM ledger.receipt_issue AS u WHERE u.transfer_id = t.id OFFSET 0) AS u
    WHERE t.xact >= :xact AND t.operation IN ('load', 'load_card', 'load_emoney', 'remit_in')
    UNION SELECT id FROM ledger.receipt WHERE xact >= :xact
    UNION SELECT receipt_id FROM ledger.receipt_withdrawal WHERE xact >= :xact
    UNION
    SELECT u.receipt_id FROM ledger.reversal AS v
    CROSS JOIN LATERAL (SELECT u.receipt_id FROM ledger.receipt_issue AS u WHERE u.transfer_id = v.original_id OFFSET 0) AS u
    WHERE v.xact >= :xact
)
SELECT coalesce(f.account_id, s.account_id)
FROM ledger.receipt_fund AS f
FULL JOIN (
    SELECT e.account_id, e.purpose, sum(e.received) AS received, sum(e.drawn) AS drawn
    FROM (
        SELECT account_id, purpose, received, drawn FROM ledger.day_total_fund WHERE number = :number
        UNION ALL SELECT account_id, purpose, received, drawn FROM ledger.funds_moved_v1(:xact, 9223372036854775807)
    ) AS e GROUP BY 1, 2
) AS s ON (s.account_id, s.purpose) = (f.account_id, f.purpose)
WHERE (f.received, f.drawn) IS DISTINCT FROM (s.received, s.drawn) OR s.drawn > s.received
UNION
SELECT r.account_id
FROM named AS n
CROSS JOIN LATERAL (SELECT r.* FROM ledger.receipt AS r WHERE r.id = n.receipt_id OFFSET 0) AS r
CROSS JOIN LATERAL (
    SELECT r.amount - coalesce((
        SELECT sum(w.amount) FROM ledger.receipt_withdrawal AS w WHERE w.receipt_id = r.id), 0) AS received
) AS x
CROSS JOIN LATERAL (
    SELECT coalesce(sum(u.amount - g.given_back), 0) AS drawn,
           coalesce(bool_and((i.debit_account, i.reference, i.amount) = (r.account_id, r.reference, u.amount)), true) AS follows
    FROM ledger.receipt_issue AS u
    LEFT JOIN ledger.transfer AS i ON i.id = u.transfer_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(v.amount), 0) AS given_back
        FROM ledger.reversal AS v JOIN ledger.transfer AS b ON b.id = v.transfer_id AND b.operation = 'reversal'
        WHERE v.original_id = u.transfer_id
    ) AS g
    WHERE u.receipt_id = r.id
) AS d
LEFT JOIN ledger.receipt_state AS s ON s.receipt_id = r.id
WHERE (s.received, s.drawn) IS DISTINCT FROM (x.received, d.drawn) OR d.drawn > x.received OR NOT d.follows
ORDER BY 1
LIMIT 100;
