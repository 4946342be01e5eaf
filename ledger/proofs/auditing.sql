-- name: probe_entries
-- For the rest of the transaction: look up each transfer's entries by key, whatever the tables' sizes.
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true);

-- name: transfers_without_their_entries
-- Transfers of a range of transactions that have not the two entries that follow from them.
SELECT t.id
FROM ledger.transfer AS t
LEFT JOIN ledger.entry AS d
    ON d.account_id = t.debit_account AND d.version = t.debit_version AND d.posted_at = t.posted_at
LEFT JOIN ledger.entry AS c
    ON c.account_id = t.credit_account AND c.version = t.credit_version AND c.posted_at = t.posted_at
WHERE t.xact >= :low AND t.xact <= :high
  AND ((d.transfer_id, d.amount, d.balance_after) IS DISTINCT FROM (t.id, t.amount, t.debit_balance)
    OR (c.transfer_id, c.amount, c.balance_after) IS DISTINCT FROM (t.id, -t.amount, t.credit_balance));

-- name: surplus_entries
-- How many entries there are beyond two for each transfer.
SELECT (SELECT count(*) FROM ledger.entry) - 2 * (SELECT count(*) FROM ledger.transfer);

-- name: entries_without_transfer
-- Entries that no transfer has.
SELECT e.account_id, e.version, e.transfer_id
FROM ledger.entry AS e
LEFT JOIN ledger.transfer AS t
    ON t.id = e.transfer_id
    AND e.account_id = CASE WHEN e.amount > 0 THEN t.debit_account ELSE t.credit_account END
    AND e.version = CASE WHEN e.amount > 0 THEN t.debit_version ELSE t.credit_version END
WHERE t.id IS NULL
ORDER BY e.account_id, e.version
LIMIT :rows;
