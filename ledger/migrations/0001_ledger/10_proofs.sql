-- The proof log: what is a leaf, leaves in blocks, the tree above them, signed checkpoints. All append-only.

-- What else is a leaf of the proof log: every row of a table that is declared here, by the package it belongs to.
-- A declaration is itself a leaf, so one that is edited or removed later is found like any other row.
--
-- relation: the append-only table, read under this name and no other. id_column: a uuid that no two rows share.
-- fields: what a leaf commits to, each "column form" (forms: ledger/proofs/sources.py). The table needs a bigint
-- column xact like that of ledger.transfer, which the application cannot set, and should have a BRIN index on it.
-- A newer version of a relation takes the rows of transactions from its own xact on. Rows older than the first
-- version come into the log with it, as if its transaction had written them.
-- Kinds 1 and 2 are transfers and refusals, 3 is this table, up to 31 the ledger, 32 to 63 privacy, 64 to 95 kyc.
CREATE TABLE ledger.leaf_source (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind smallint NOT NULL UNIQUE CHECK (kind BETWEEN 4 AND 255),
    relation text NOT NULL CHECK (relation ~ '^[a-z_]{1,63}\.[a-z_]{1,63}$'),
    version integer NOT NULL CHECK (version > 0),
    id_column text NOT NULL CHECK (id_column ~ '^[a-z_]{1,63}$'),
    fields text[] NOT NULL
        CHECK (array_to_string(fields, ',') ~ '^([a-z_][a-z0-9_]{0,62} (uuid|text|integer|time|json|bytes)(,|$))+$'),
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    UNIQUE (relation, version)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.leaf_source
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (4, 'ledger.hold', 1, 'id', ARRAY[
        'debit_account uuid', 'credit_account uuid', 'amount integer', 'currency text', 'operation text',
        'reference text', 'placed_at time', 'expires_at time']),
    (5, 'ledger.hold_event', 1, 'id', ARRAY[
        'hold_id uuid', 'number integer', 'kind text', 'amount integer', 'transfer_id uuid', 'at time']),
    (6, 'ledger.reversal', 1, 'transfer_id', ARRAY['original_id uuid', 'amount integer', 'reason text', 'at time']),
    (7, 'ledger.event', 1, 'id', ARRAY['kind text', 'subject uuid', 'payload json', 'recorded_at time']),
    (8, 'ledger.dispute', 1, 'id', ARRAY['original_id uuid', 'reason_code text', 'actor text', 'opened_at time']),
    (9, 'ledger.dispute_outcome', 1, 'dispute_id', ARRAY[
        'kind text', 'amount integer', 'transfer_id uuid', 'actor text', 'reason text', 'at time']),
    (10, 'ledger.closed_period', 1, 'id', ARRAY[
        'name text', 'starts_at time', 'ends_at time', 'time_zone text', 'closed_at time', 'actor text']),
    (11, 'ledger.account_change', 1, 'id', ARRAY[
        'account_id uuid', 'number integer', 'kind text', 'frozen_debit json', 'frozen_credit json', 'freeze_kind text',
        'freeze_debit json', 'freeze_credit json', 'approval_id uuid', 'floor integer', 'ceiling integer',
        'parent_id uuid', 'profile_id uuid', 'was_under uuid', 'actor text', 'reason text', 'at time']),
    (12, 'ledger.transfer_note', 1, 'id', ARRAY['key text', 'metadata json']),
    (13, 'ledger.kept_request', 1, 'id', ARRAY[
        'salt uuid', 'action text', 'subject uuid', 'target text', 'details json', 'actor text', 'reason text',
        'requested_at time', 'expires_at time', 'signature bytes']),
    (14, 'ledger.kept_request_decision', 1, 'request_id', ARRAY[
        'salt uuid', 'outcome text', 'actor text', 'reason text', 'decided_at time', 'signature bytes']),
    (15, 'ledger.kept_request_done', 1, 'request_id', ARRAY['salt uuid', 'done_at time']),
    (21, 'ledger.clock_policy', 1, 'id', ARRAY[
        'number integer', 'ahead_s integer', 'behind_s integer', 'late_s integer', 'late_by_operation json', 'actor text',
        'reason text', 'at time']),
    (22, 'ledger.officer_change', 1, 'id', ARRAY[
        'salt uuid', 'officer text', 'number integer', 'state text', 'roles json', 'key bytes', 'actor text', 'reason text',
        'by_login text', 'at time']),
    (23, 'ledger.signature_rule', 1, 'id', ARRAY[
        'salt uuid', 'number integer', 'demanded json', 'actor text', 'reason text', 'by_login text', 'at time']);

-- Up to 256 consecutive leaves of the log, within one tile: leaves `first` to `next` - 1. Per leaf: its kind
-- (1 byte), the id of the row it commits to (16) and its hash (32). A block starts where another ends, so the
-- numbers are dense from 0 and cannot fork. The last leaf's row is named by (last_xact, last_id, last_kind): the
-- next leaf's comes after it in that order. Packed, a leaf takes 70 bytes on disk; as a row of its own, with
-- an index to find it by, 145. Hashes and ids do not compress, and are read by the slice. toast_tuple_target: blocks
-- that fit into a page by threes; in pieces of two kilobytes aside, a fifth of the pages was air.
CREATE TABLE ledger.leaf_block (
    first bigint PRIMARY KEY CHECK (first >= 0),
    next bigint NOT NULL UNIQUE,
    follows bigint REFERENCES ledger.leaf_block (next),
    kinds bytea NOT NULL,
    row_ids bytea NOT NULL,
    hashes bytea NOT NULL,
    last_xact bigint NOT NULL,
    last_id uuid NOT NULL,
    last_kind smallint NOT NULL,
    sealed_at timestamptz NOT NULL,
    UNIQUE (last_xact, last_id, last_kind),
    CONSTRAINT leaf_block_follows CHECK (follows IS NOT DISTINCT FROM nullif(first, 0)),
    CONSTRAINT leaf_block_tile CHECK (next > first AND (next - 1) / 256 = first / 256),
    CONSTRAINT leaf_block_length CHECK (
        octet_length(kinds) = next - first
        AND octet_length(row_ids) = 16 * (next - first)
        AND octet_length(hashes) = 32 * (next - first)
    )
) WITH (toast_tuple_target = 8160);
-- stated apart: PostgreSQL before 16 knows no STORAGE in CREATE TABLE
ALTER TABLE ledger.leaf_block ALTER hashes SET STORAGE EXTERNAL, ALTER row_ids SET STORAGE EXTERNAL;

-- The leaves one by one, for people with questions.
CREATE VIEW ledger.leaf AS
SELECT b.first + n AS sequence,
       get_byte(b.kinds, n)::smallint AS kind,
       encode(substring(b.row_ids FROM 16 * n + 1 FOR 16), 'hex')::uuid AS row_id,
       substring(b.hashes FROM 32 * n + 1 FOR 32) AS hash
FROM ledger.leaf_block AS b
CROSS JOIN LATERAL generate_series(0, (b.next - b.first - 1)::integer) AS n;

-- The hash of every complete subtree of 256, 65,536, 16,777,216 ... leaves (height 8, 16, 24 ...), numbered from
-- the left. What lies between is computed when asked for.
CREATE TABLE ledger.tree_node (
    height smallint CHECK (height > 0 AND height % 8 = 0),
    position bigint CHECK (position >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (height, position)
);

-- What the log was when it had `size` leaves, signed: a C2SP checkpoint as a signed note.
CREATE TABLE ledger.checkpoint (
    size bigint PRIMARY KEY REFERENCES ledger.leaf_block (next),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL
);

-- What witnesses said of a checkpoint: a signature line each, to stand under its note (C2SP tlog-cosignature, 76 bytes).
CREATE TABLE ledger.cosignature (
    size bigint REFERENCES ledger.checkpoint,
    witness text CHECK (witness ~ '^[^[:space:][:cntrl:]+]{1,255}$'),
    line text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (size, witness),
    CONSTRAINT cosignature_line CHECK (
        starts_with(line, U&'\2014 ' || witness || ' ')
        AND substring(line FROM length(witness) + 4) ~ '^[A-Za-z0-9+/]{101}[AQgw]==\n$'
    )
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.leaf_block
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.tree_node
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
