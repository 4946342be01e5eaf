-- AML: what was extracted from the ledger, and the alerts raised on it with their evidence.
-- Nothing here names a person: accounts and transfers appear by id and by the operator's reference.

CREATE SCHEMA aml;

-- The one Parquet data set that belongs to this database. Its id is written beside the files, so that a
-- directory of another database is never taken for this one's.
CREATE TABLE aml.history (
    id uuid PRIMARY KEY,
    only_one boolean NOT NULL DEFAULT true UNIQUE CHECK (only_one)
);
INSERT INTO aml.history (id) VALUES (gen_random_uuid());

-- Each extraction: transfers with from_xact <= xact < to_xact went to files. The greatest to_xact is the
-- watermark; a file named after a later from_xact was never admitted.
CREATE TABLE aml.extraction (
    id uuid PRIMARY KEY,
    from_xact bigint NOT NULL UNIQUE CHECK (from_xact >= 0),
    to_xact bigint NOT NULL UNIQUE,
    rows bigint NOT NULL CHECK (rows >= 0),
    files integer NOT NULL CHECK (files >= 0),
    extracted_at timestamptz NOT NULL,
    CHECK (to_xact > from_xact)
);

-- One alert per scenario, subject and episode. A grown episode moves the window, the score and the sentence.
CREATE TABLE aml.alert (
    id uuid PRIMARY KEY,
    scenario text NOT NULL,
    scenario_version text NOT NULL,
    subject uuid NOT NULL,
    subject_ref text NOT NULL,
    currency text NOT NULL CHECK (length(currency) = 3),
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    score double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    why text NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open')),
    detected_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CHECK (window_start <= window_end),
    CONSTRAINT alert_once UNIQUE (scenario, subject, window_start)
);

CREATE INDEX alert_subject ON aml.alert (subject);

-- The evidence: transfers of the episode, and the part each one plays in it.
CREATE TABLE aml.alert_transfer (
    alert_id uuid NOT NULL REFERENCES aml.alert (id),
    transfer_id uuid NOT NULL,
    reference text,
    part text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (alert_id, transfer_id)
);

-- The holders' accounts in an alert; the cash points that served them are in the transfers.
CREATE TABLE aml.alert_account (
    alert_id uuid NOT NULL REFERENCES aml.alert (id),
    account_id uuid NOT NULL,
    account_ref text NOT NULL,
    part text NOT NULL CHECK (part IN ('subject', 'counterparty')),
    PRIMARY KEY (alert_id, account_id)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON aml.history
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON aml.extraction
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON aml.alert
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON aml.alert_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON aml.alert_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT USAGE ON SCHEMA aml TO emoney_app;
GRANT SELECT ON ALL TABLES IN SCHEMA aml TO emoney_app;
GRANT INSERT ON aml.extraction, aml.alert, aml.alert_transfer, aml.alert_account TO emoney_app;
GRANT UPDATE (scenario_version, window_start, window_end, score, why, changed_at) ON aml.alert TO emoney_app;
