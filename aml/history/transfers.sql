-- name: admitted
-- The watermark, and how many rows and files lie below it.
SELECT coalesce(max(to_xact), 0), coalesce(sum(rows), 0)::bigint, coalesce(sum(files), 0)::bigint FROM aml.extraction;

-- name: horizon
-- Every transaction below this one has ended: its rows are visible now or never.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint;

-- name: whole_result!
-- The cursor below is read to its end, so plan for all rows and not for the first ones.
SET LOCAL cursor_tuple_fraction = 1;

-- name: transfers
-- Transfers of a range of transactions with what the scenarios need of their two accounts. An account that is
-- missing leaves nulls, which the quality gate refuses.
SELECT
    t.id::text,
    t.reference,
    (extract(epoch FROM t.effective_at) * 1000000)::bigint,
    t.operation,
    t.amount,
    t.currency,
    t.debit_account::text,
    t.credit_account::text,
    coalesce(d.external_ref, d.id::text),
    coalesce(c.external_ref, c.id::text),
    d.kind,
    c.kind,
    (d.opened_at AT TIME ZONE 'UTC')::date,
    (c.opened_at AT TIME ZONE 'UTC')::date
FROM ledger.transfer AS t
LEFT JOIN ledger.account AS d ON d.id = t.debit_account
LEFT JOIN ledger.account AS c ON c.id = t.credit_account
WHERE t.xact >= :from_xact AND t.xact < :to_xact;
