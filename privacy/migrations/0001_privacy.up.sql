-- Privacy: the wrapped keys of subjects, what happened to them, and who opened which field and why.
-- Holds no personal content: a subject is the opaque id that kyc gives a person.

CREATE SCHEMA privacy;
GRANT USAGE ON SCHEMA privacy TO emoney_app;

-- Subject keys ------------------------------------------------------------------------------------

CREATE TABLE privacy.subject_key (
    subject    uuid        NOT NULL,
    version    integer     NOT NULL CHECK (version > 0),
    wrapped    bytea       CHECK (octet_length(wrapped) BETWEEN 48 AND 4096),
    kek        text        NOT NULL CHECK (length(kek) BETWEEN 1 AND 200),
    state      text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'destroyed')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (subject, version),
    CHECK ((state = 'destroyed') = (wrapped IS NULL))
);
COMMENT ON TABLE privacy.subject_key IS
    'One data key per subject and version, wrapped under the key-encryption key named in kek.';
CREATE UNIQUE INDEX subject_key_one_active ON privacy.subject_key (subject) WHERE state = 'active';
CREATE INDEX subject_key_kek ON privacy.subject_key (kek);

GRANT SELECT, INSERT, UPDATE (state, wrapped) ON privacy.subject_key TO emoney_app;

-- A key may only ever go from active to destroyed, and destroyed means that its bytes are gone.
CREATE FUNCTION privacy.guard_subject_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'active' AND NEW.state = 'destroyed' AND NEW.wrapped IS NULL
        AND (NEW.subject, NEW.version, NEW.kek, NEW.created_at)
          = (OLD.subject, OLD.version, OLD.kek, OLD.created_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a subject key can only be destroyed, not changed otherwise'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER subject_key_guard BEFORE UPDATE ON privacy.subject_key
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_subject_key();
CREATE TRIGGER subject_key_keep BEFORE DELETE OR TRUNCATE ON privacy.subject_key
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Key events --------------------------------------------------------------------------------------

CREATE TABLE privacy.key_event (
    id          uuid        PRIMARY KEY,
    subject     uuid        NOT NULL,
    version     integer     NOT NULL,
    kek         text        NOT NULL,
    event       text        NOT NULL CHECK (event IN ('created', 'destroyed')),
    actor       text        CHECK (length(actor) BETWEEN 1 AND 200),
    reason      text        CHECK (length(reason) BETWEEN 1 AND 200),
    happened_at timestamptz NOT NULL,
    UNIQUE (subject, version, event),
    CHECK (event = 'created' OR (actor IS NOT NULL AND reason IS NOT NULL))
);
COMMENT ON TABLE privacy.key_event IS
    'Append-only. A key is made by the first sealing for its subject (no actor) and destroyed by someone, for a reason.';

GRANT SELECT, INSERT ON privacy.key_event TO emoney_app;
CREATE TRIGGER key_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.key_event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Openings ----------------------------------------------------------------------------------------

CREATE TABLE privacy.opening (
    id          uuid        PRIMARY KEY,
    actor       text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    purpose     text        NOT NULL CHECK (length(purpose) BETWEEN 1 AND 100),
    table_name  text        NOT NULL,
    column_name text        NOT NULL,
    row_id      uuid        NOT NULL,
    subject     uuid        NOT NULL,
    opened_at   timestamptz NOT NULL
);
COMMENT ON TABLE privacy.opening IS 'Append-only. One row for each sealed field that was opened.';
CREATE INDEX opening_subject ON privacy.opening (subject, opened_at);

GRANT SELECT, INSERT ON privacy.opening TO emoney_app;
CREATE TRIGGER opening_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.opening
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
