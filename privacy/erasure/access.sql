-- name: sealed_places
-- Every sealed column that a value was stored for of these subjects.
SELECT table_name, row_id, subject, ARRAY (SELECT jsonb_object_keys(versions) ORDER BY 1)
FROM privacy.sealed_row WHERE subject = ANY (:subjects) ORDER BY table_name, row_id;

-- name: openings
-- Who opened the subjects' fields, by purpose; actors are the operator's own ids.
SELECT purpose, actor, sum(cardinality(string_to_array(column_name, ','))), min(opened_at), max(opened_at)
FROM privacy.opening
WHERE subject = ANY (:subjects) GROUP BY 1, 2 ORDER BY 1, 2;

-- name: entries
-- What was posted to the accounts, oldest first. 1: a debit; -1: a credit.
SELECT e.account_id, e.version, e.posted_at, CASE WHEN e.amount > 0 THEN 1 ELSE -1 END, abs(e.amount), a.currency,
       e.balance_after, e.transfer_id
FROM ledger.entry AS e JOIN ledger.account AS a ON a.id = e.account_id
WHERE e.account_id = ANY (:accounts) ORDER BY e.posted_at, e.account_id, e.version LIMIT :most;
