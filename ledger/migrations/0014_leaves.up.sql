-- What else is a leaf of the proof log: every row of a table that is declared here, by the package it belongs to.
-- A declaration is itself a leaf, so one that is edited or removed later is found like any other row.

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
        CHECK (array_to_string(fields, ',') ~ '^([a-z_]{1,63} (uuid|text|integer|time|json|bytes)(,|$))+$'),
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    UNIQUE (relation, version)
);

-- A capture is named by the transfer it posted; whatever else ends a hold does so once, and is named by the hold.
ALTER TABLE ledger.hold_event
    ADD COLUMN id uuid NOT NULL GENERATED ALWAYS AS (coalesce(transfer_id, hold_id)) STORED;
CREATE UNIQUE INDEX hold_event_id ON ledger.hold_event (id);

CREATE INDEX hold_xact ON ledger.hold USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX hold_event_xact ON ledger.hold_event USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX reversal_xact ON ledger.reversal USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX dispute_xact ON ledger.dispute USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX dispute_outcome_xact ON ledger.dispute_outcome USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

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
        'name text', 'starts_at time', 'ends_at time', 'time_zone text', 'closed_at time', 'actor text']);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.leaf_source
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Only who may change the schema declares what is a leaf.
GRANT SELECT ON ledger.leaf_source TO emoney_app;
