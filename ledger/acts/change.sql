-- name: place!
INSERT INTO ledger.hold (id, debit_account, credit_account, amount, currency, operation, reference, placed_at, expires_at)
SELECT id, debit, credit, amount, currency, operation, reference, :at, expires_at
FROM unnest(:ids::uuid[], :debits::uuid[], :credits::uuid[], :amounts::bigint[], :currencies::text[], :operations::text[],
            :references::text[], :deadlines::timestamptz[])
    AS new (id, debit, credit, amount, currency, operation, reference, expires_at);

-- name: end!
INSERT INTO ledger.hold_event (hold_id, number, kind, amount, transfer_id, at)
SELECT hold_id, number, kind, amount, transfer_id, :at
FROM unnest(:holds::uuid[], :numbers::int[], :kinds::text[], :amounts::bigint[], :transfers::uuid[])
    AS new (hold_id, number, kind, amount, transfer_id);

-- name: give_back!
INSERT INTO ledger.reversal (transfer_id, original_id, amount, reason, at)
SELECT transfer_id, original_id, amount, reason, :at
FROM unnest(:transfers::uuid[], :originals::uuid[], :amounts::bigint[], :reasons::text[])
    AS new (transfer_id, original_id, amount, reason);

-- name: open!
INSERT INTO ledger.dispute (id, original_id, reason_code, actor, opened_at)
SELECT id, original_id, reason_code, actor, :at
FROM unnest(:ids::uuid[], :originals::uuid[], :reason_codes::text[], :actors::text[])
    AS new (id, original_id, reason_code, actor);

-- name: decide!
INSERT INTO ledger.dispute_outcome (dispute_id, kind, amount, transfer_id, actor, reason, at)
SELECT dispute_id, :kind, amount, transfer_id, actor, reason, :at
FROM unnest(:ids::uuid[], :amounts::bigint[], :transfers::uuid[], :actors::text[], :reasons::text[])
    AS new (dispute_id, amount, transfer_id, actor, reason);
