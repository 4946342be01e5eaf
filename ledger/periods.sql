-- name: periods
SELECT p.id, p.name, p.starts_at, p.ends_at, p.time_zone, p.closed_at, p.actor, s.transfers
FROM ledger.closed_period AS p LEFT JOIN ledger.period_sum AS s ON s.ends_at = p.ends_at
ORDER BY p.ends_at;

-- name: find
SELECT p.id, p.name, p.starts_at, p.ends_at, p.time_zone, p.closed_at, p.actor, s.transfers
FROM ledger.closed_period AS p LEFT JOIN ledger.period_sum AS s ON s.ends_at = p.ends_at
WHERE p.name = :name;

-- name: close!
INSERT INTO ledger.closed_period (ends_at, id, name, starts_at, time_zone, closed_at, actor)
VALUES (:ends_at, :id, :name, :starts_at, :time_zone, :closed_at, :actor);

-- name: sum!
-- Once: whoever comes second finds the sum there and adds nothing.
WITH side AS (
    SELECT debit_account AS account_id, sum(amount) AS debits, 0 AS credits, count(*) AS transfers
    FROM ledger.transfer WHERE effective_at < :ends_at GROUP BY debit_account
    UNION ALL
    SELECT credit_account, 0, sum(amount), 0 FROM ledger.transfer WHERE effective_at < :ends_at GROUP BY credit_account
), summed AS (
    INSERT INTO ledger.period_sum (ends_at, transfers, summed_at)
    SELECT :ends_at, coalesce(sum(transfers), 0)::bigint, :at FROM side
    ON CONFLICT (ends_at) DO NOTHING
    RETURNING ends_at
)
INSERT INTO ledger.period_total (ends_at, currency, kind, debits, credits)
SELECT p.ends_at, a.currency, a.kind, sum(s.debits)::bigint, sum(s.credits)::bigint
FROM summed AS p CROSS JOIN side AS s JOIN ledger.account AS a ON a.id = s.account_id
GROUP BY p.ends_at, a.currency, a.kind;

-- name: recorded
SELECT currency, kind, debits, credits FROM ledger.period_total WHERE ends_at = :ends_at ORDER BY currency, kind;

-- name: totals
SELECT a.currency, a.kind, sum(s.debits)::bigint, sum(s.credits)::bigint
FROM (
    SELECT debit_account AS account_id, sum(amount) AS debits, 0 AS credits
    FROM ledger.transfer WHERE effective_at < :ends_at GROUP BY debit_account
    UNION ALL
    SELECT credit_account, 0, sum(amount) FROM ledger.transfer WHERE effective_at < :ends_at GROUP BY credit_account
) AS s JOIN ledger.account AS a ON a.id = s.account_id
GROUP BY a.currency, a.kind ORDER BY a.currency, a.kind;

-- name: counted
SELECT count(*) FROM ledger.transfer WHERE effective_at < :ends_at;
