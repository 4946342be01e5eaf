-- name: read
-- The rows of a batch's wallets for the periods it falls into: a few starts, most of them of this month.
SELECT scope_id, span, starts_on, totals, days, moved, returned
FROM ledger.usage
WHERE scope_id = ANY(:scopes::uuid[]) AND starts_on = ANY(:starts::date[]);

-- name: update!
UPDATE ledger.usage AS u
SET totals = decode(n.totals, 'hex'), days = decode(n.days, 'hex'), moved = n.moved, returned = n.returned
FROM unnest(:scopes::uuid[], :totals::text[], :days::text[], :moved::bigint[], :returned::bigint[])
    AS n (scope_id, totals, days, moved, returned)
WHERE u.scope_id = n.scope_id AND u.starts_on = :starts_on AND u.span = :span;

-- name: insert!
INSERT INTO ledger.usage (scope_id, starts_on, span, totals, days, moved, returned)
SELECT scope_id, :starts_on, :span, decode(totals, 'hex'), decode(days, 'hex'), moved, returned
FROM unnest(:scopes::uuid[], :totals::text[], :days::text[], :moved::bigint[], :returned::bigint[])
    AS n (scope_id, totals, days, moved, returned);
