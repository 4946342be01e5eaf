-- name: find
-- Transfers, and of each how much was given back, how much open disputes hold, and when the first of these expires.
SELECT t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation,
       (SELECT coalesce(sum(r.amount), 0) FROM ledger.reversal AS r WHERE r.original_id = t.id)::bigint,
       coalesce(d.held, 0), d.expires_at
FROM ledger.transfer AS t,
     LATERAL (
         SELECT sum(o.remaining)::bigint AS held, min(o.expires_at) AS expires_at
         FROM ledger.dispute AS s JOIN ledger.open_hold AS o ON o.id = s.id WHERE s.original_id = t.id
     ) AS d
WHERE t.id = ANY(:ids);
