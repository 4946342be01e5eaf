-- name: read
-- The rows of a batch's wallets for the periods it falls into: a few starts, most of them of this month.
SELECT scope_id, span, starts_on, totals, days, moved, returned
FROM ledger.usage
WHERE scope_id = ANY(:scopes::uuid[]) AND starts_on = ANY(:starts::date[]);

-- name: write
SELECT ledger.write_usage_v1(:is_new, :starts_on, :span, :scopes::uuid[], :totals::text[], :days::text[],
    :moved::bigint[], :returned::bigint[]);
