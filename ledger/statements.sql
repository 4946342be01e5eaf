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
