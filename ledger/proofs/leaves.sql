-- name: transfers
-- The leaf of each posted transfer, version 1: every column of the row, in the order of `verifying.LAYOUTS`.
-- A field is its length in 4 bytes and its value; an empty one has the length ffffffff and no value.
SELECT
    1::smallint AS kind,
    id,
    xact,
    '\x00000019'::bytea || 'emoney/ledger/transfer/v1'::bytea
    || '\x00000010'::bytea || uuid_send(id)
    || '\x00000010'::bytea || uuid_send(debit_account)
    || '\x00000010'::bytea || uuid_send(credit_account)
    || '\x00000008'::bytea || int8send(amount)
    || int4send(octet_length(convert_to(currency, 'UTF8'))) || convert_to(currency, 'UTF8')
    || int4send(octet_length(convert_to(operation, 'UTF8'))) || convert_to(operation, 'UTF8')
    || coalesce(int4send(octet_length(convert_to(reference, 'UTF8'))) || convert_to(reference, 'UTF8'), '\xffffffff'::bytea)
    || coalesce('\x00000010'::bytea || uuid_send(group_id), '\xffffffff'::bytea)
    || '\x00000008'::bytea || timestamptz_send(effective_at)
    || '\x00000008'::bytea || timestamptz_send(posted_at)
    || '\x00000008'::bytea || int8send(debit_version)
    || '\x00000008'::bytea || int8send(debit_balance)
    || '\x00000008'::bytea || int8send(credit_version)
    || '\x00000008'::bytea || int8send(credit_balance)
    || '\x00000008'::bytea || int8send(xact) AS leaf
FROM ledger.transfer

-- name: refusals
-- The leaf of each refusal, version 1. `numbers` as PostgreSQL writes jsonb: one text for one value.
SELECT
    2::smallint AS kind,
    transfer_id AS id,
    xact,
    '\x00000018'::bytea || 'emoney/ledger/refusal/v1'::bytea
    || '\x00000010'::bytea || uuid_send(transfer_id)
    || '\x00000010'::bytea || uuid_send(debit_account)
    || '\x00000010'::bytea || uuid_send(credit_account)
    || '\x00000008'::bytea || int8send(amount)
    || int4send(octet_length(convert_to(currency, 'UTF8'))) || convert_to(currency, 'UTF8')
    || int4send(octet_length(convert_to(operation, 'UTF8'))) || convert_to(operation, 'UTF8')
    || coalesce(int4send(octet_length(convert_to(reference, 'UTF8'))) || convert_to(reference, 'UTF8'), '\xffffffff'::bytea)
    || coalesce('\x00000010'::bytea || uuid_send(group_id), '\xffffffff'::bytea)
    || '\x00000008'::bytea || timestamptz_send(effective_at)
    || '\x00000008'::bytea || timestamptz_send(decided_at)
    || int4send(octet_length(convert_to(rule, 'UTF8'))) || convert_to(rule, 'UTF8')
    || int4send(octet_length(convert_to(decision, 'UTF8'))) || convert_to(decision, 'UTF8')
    || int4send(octet_length(convert_to(source, 'UTF8'))) || convert_to(source, 'UTF8')
    || int4send(octet_length(convert_to(numbers::text, 'UTF8'))) || convert_to(numbers::text, 'UTF8')
    || '\x00000008'::bytea || int8send(xact) AS leaf
FROM ledger.refusal

-- name: holding
-- Of which kinds there are rows with one of these ids.
SELECT 1::smallint AS kind FROM ledger.transfer WHERE id = ANY(:ids::uuid[])
UNION ALL
SELECT 2::smallint FROM ledger.refusal WHERE transfer_id = ANY(:ids::uuid[])

-- name: plan_for_ranges
-- For the rest of the transaction: sort a batch without a file, and find a range of transactions by index, also with
-- a plan that was made when the ledger was small.
SELECT set_config('work_mem', '32MB', true), set_config('enable_seqscan', 'off', true);

-- name: ids_of_reference
-- The transfers, refusals and holds that the operator calls so. No index: a reference is looked up by people, rarely.
SELECT id FROM ledger.transfer WHERE reference = :reference
UNION
SELECT transfer_id FROM ledger.refusal WHERE reference = :reference
UNION
SELECT id FROM ledger.hold WHERE reference = :reference
ORDER BY id
LIMIT :rows;
