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

-- name: effective_bounds
-- Of an account's entries: the last version, what was effective before two moments, and how many lie between them.
SELECT coalesce(max(e.version), 0),
       coalesce(sum(a.sign * e.amount) FILTER (WHERE t.effective_at < :start), 0)::bigint,
       coalesce(sum(a.sign * e.amount) FILTER (WHERE t.effective_at < :end), 0)::bigint,
       count(*) FILTER (WHERE t.effective_at >= :start AND t.effective_at < :end)
FROM ledger.entry AS e
JOIN ledger.account AS a ON a.id = e.account_id
JOIN ledger.transfer AS t ON t.id = e.transfer_id
WHERE e.account_id = :account;

-- name: effective_lines
-- The entries of an account up to a version that are effective in a period, each with the balance by effective time,
-- after the entry of another version in this order.
SELECT version, posted_at, effective_at, operation, reference, transfer_id, change, balance, counterparty, counterparty_id
FROM (
    SELECT e.version, e.posted_at, t.effective_at, t.operation, t.reference, e.transfer_id, a.sign * e.amount AS change,
           (sum(a.sign * e.amount) OVER (ORDER BY t.effective_at, e.version))::bigint AS balance,
           coalesce(o.external_ref, o.id::text) AS counterparty, o.id AS counterparty_id
    FROM ledger.entry AS e
    JOIN ledger.account AS a ON a.id = e.account_id
    JOIN ledger.transfer AS t ON t.id = e.transfer_id
    JOIN ledger.account AS o ON o.id = CASE WHEN e.amount > 0 THEN t.credit_account ELSE t.debit_account END
    WHERE e.account_id = :account AND e.version <= :until AND t.effective_at < :end
) AS line
WHERE effective_at >= :start
  AND (:after = 0 OR (effective_at, version) > (
      SELECT t.effective_at, e.version FROM ledger.entry AS e JOIN ledger.transfer AS t ON t.id = e.transfer_id
      WHERE e.account_id = :account AND e.version = :after
  ))
ORDER BY effective_at, version;
