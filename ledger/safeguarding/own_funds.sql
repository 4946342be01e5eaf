-- name: daily_outstanding_posted
-- Outstanding e-money at the end of each day of a period, by posting time: what it is now, less what was posted
-- later. Of the entries, those posted since the period began are read.
WITH present AS (
    SELECT currency, sum(sign * (debits_posted - credits_posted)) AS outstanding
    FROM ledger.account WHERE kind = ANY(:kinds) GROUP BY currency
), change AS (
    SELECT a.currency, (e.posted_at AT TIME ZONE :time_zone)::date AS day,
           sum(a.sign * e.amount) AS net
    FROM ledger.entry AS e JOIN ledger.account AS a ON a.id = e.account_id
    WHERE e.posted_at >= :begins_at AND a.kind = ANY(:kinds)
    GROUP BY 1, 2
)
SELECT p.currency, d.day::date,
       (p.outstanding - coalesce(sum(c.net) FILTER (WHERE c.day > d.day), 0))::bigint
FROM present AS p
CROSS JOIN generate_series(:first::date, :last::date, interval '1 day') AS d (day)
LEFT JOIN change AS c ON c.currency = p.currency
GROUP BY p.currency, d.day, p.outstanding
ORDER BY p.currency, d.day;

-- name: daily_outstanding_effective
-- The same by effective time: every transfer that is effective since the period began is read, whenever posted.
WITH present AS (
    SELECT currency, sum(sign * (debits_posted - credits_posted)) AS outstanding
    FROM ledger.account WHERE kind = ANY(:kinds) GROUP BY currency
), change AS (
    SELECT a.currency, (t.effective_at AT TIME ZONE :time_zone)::date AS day,
           sum(a.sign * side.direction * t.amount) AS net
    FROM ledger.transfer AS t
    CROSS JOIN LATERAL (VALUES (t.debit_account, 1), (t.credit_account, -1)) AS side (account_id, direction)
    JOIN ledger.account AS a ON a.id = side.account_id
    WHERE t.effective_at >= :begins_at AND a.kind = ANY(:kinds)
    GROUP BY 1, 2
)
SELECT p.currency, d.day::date,
       (p.outstanding - coalesce(sum(c.net) FILTER (WHERE c.day > d.day), 0))::bigint
FROM present AS p
CROSS JOIN generate_series(:first::date, :last::date, interval '1 day') AS d (day)
LEFT JOIN change AS c ON c.currency = p.currency
GROUP BY p.currency, d.day, p.outstanding
ORDER BY p.currency, d.day;

-- name: first_transfer_posted
SELECT min(posted_at) FROM ledger.transfer;

-- name: first_transfer_effective
SELECT min(effective_at) FROM ledger.transfer;
