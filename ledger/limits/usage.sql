-- name: read
-- The rows of a batch's wallets for the periods it falls into: a few starts, most of them of this month.
SELECT scope_id, span, starts_on, totals, days, moved, returned
FROM ledger.usage
WHERE scope_id = ANY(:scopes) AND starts_on = ANY(:starts);

-- name: store
SELECT ledger.store_usage_v1(:rows);
