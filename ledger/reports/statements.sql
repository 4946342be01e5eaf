-- name: page
-- The entries of an account after a version and up to another, oldest first: one range of the primary key.
SELECT e.version, e.posted_at, t.effective_at, t.operation, t.reference, e.transfer_id,
       a.sign * e.amount AS change, e.balance_after,
       coalesce(o.external_ref, o.id::text) AS counterparty, o.id AS counterparty_id
FROM ledger.entry AS e
JOIN ledger.account AS a ON a.id = e.account_id
JOIN ledger.transfer AS t ON t.id = e.transfer_id
JOIN ledger.account AS o ON o.id = CASE WHEN e.amount > 0 THEN t.credit_account ELSE t.debit_account END
WHERE e.account_id = :account AND e.posted_at >= :since AND e.version > :after AND e.version <= :until
ORDER BY e.posted_at, e.version
LIMIT :limit;

-- name: effective_lines
-- The entries of an account up to a version that are effective in a period, each with the balance by effective time,
-- after the entry of another version in this order. What counts in the period was posted in it or, late, after it.
WITH line AS (
    SELECT e.version, e.posted_at, t.effective_at, t.operation, t.reference, e.transfer_id, e.amount,
           CASE WHEN e.amount > 0 THEN t.credit_account ELSE t.debit_account END AS other
    FROM ledger.entry AS e
    JOIN ledger.transfer AS t ON t.id = e.transfer_id
    WHERE e.account_id = :account AND e.posted_at >= :start AND e.posted_at < :end AND e.version <= :until
      AND t.effective_at >= :start
    UNION ALL
    SELECT t.debit_version, t.posted_at, t.effective_at, t.operation, t.reference, t.id, t.amount, t.credit_account
    FROM ledger.transfer AS t
    WHERE t.debit_account = :account AND t.effective_at < t.posted_at AND t.posted_at >= :end
      AND t.effective_at >= :start AND t.effective_at < :end AND t.debit_version <= :until
    UNION ALL
    SELECT t.credit_version, t.posted_at, t.effective_at, t.operation, t.reference, t.id, -t.amount, t.debit_account
    FROM ledger.transfer AS t
    WHERE t.credit_account = :account AND t.effective_at < t.posted_at AND t.posted_at >= :end
      AND t.effective_at >= :start AND t.effective_at < :end AND t.credit_version <= :until
), summed AS (
    SELECT l.*, a.sign * l.amount AS change,
           (:opening + sum(a.sign * l.amount) OVER (ORDER BY l.effective_at, l.version))::bigint AS balance
    FROM line AS l JOIN ledger.account AS a ON a.id = :account
)
SELECT s.version, s.posted_at, s.effective_at, s.operation, s.reference, s.transfer_id, s.change, s.balance,
       coalesce(o.external_ref, o.id::text) AS counterparty, o.id AS counterparty_id
FROM summed AS s JOIN ledger.account AS o ON o.id = s.other
WHERE :after = 0 OR (s.effective_at, s.version) > (
    SELECT t.effective_at, e.version FROM ledger.entry AS e JOIN ledger.transfer AS t ON t.id = e.transfer_id
    WHERE e.account_id = :account AND e.version = :after
)
ORDER BY s.effective_at, s.version;
