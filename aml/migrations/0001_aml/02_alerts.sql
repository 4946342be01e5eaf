-- Alerts, and the transfers and accounts that are their evidence.

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
GRANT SELECT, INSERT ON aml.alert TO emoney_app;
GRANT UPDATE (scenario_version, window_start, window_end, score, why, changed_at) ON aml.alert TO emoney_app;

CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON aml.alert
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- The evidence: transfers of the episode, and the part each one plays in it.
CREATE TABLE aml.alert_transfer (
    alert_id uuid NOT NULL REFERENCES aml.alert (id),
    transfer_id uuid NOT NULL,
    reference text,
    part text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (alert_id, transfer_id)
);
GRANT SELECT, INSERT ON aml.alert_transfer TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON aml.alert_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- The holders' accounts in an alert; the cash points that served them are in the transfers.
CREATE TABLE aml.alert_account (
    alert_id uuid NOT NULL REFERENCES aml.alert (id),
    account_id uuid NOT NULL,
    account_ref text NOT NULL,
    part text NOT NULL CHECK (part IN ('subject', 'counterparty')),
    PRIMARY KEY (alert_id, account_id)
);
GRANT SELECT, INSERT ON aml.alert_account TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON aml.alert_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
