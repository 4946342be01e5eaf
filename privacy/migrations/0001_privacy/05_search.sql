-- Search: keyed codes of near-unique values, so that equal values can be found without opening any.

CREATE TABLE privacy.index_key (
    index_name text        NOT NULL CHECK (length(index_name) BETWEEN 1 AND 100),
    version    integer     NOT NULL CHECK (version > 0),
    wrapped    bytea       CHECK (octet_length(wrapped) BETWEEN 48 AND 4096),
    kek        text        NOT NULL REFERENCES privacy.kek (id),
    state      text        NOT NULL CHECK (state IN ('pre-active', 'active', 'decrypt-only', 'compromised', 'destroyed')),
    created_at timestamptz NOT NULL,
    seal_until timestamptz NOT NULL,
    open_until timestamptz NOT NULL,
    made_by    uuid,
    PRIMARY KEY (index_name, version),
    CHECK ((state = 'destroyed') = (wrapped IS NULL)),
    CHECK (created_at < seal_until AND seal_until <= open_until)
);
COMMENT ON TABLE privacy.index_key IS 'The keys of blind indexes, each index its own, wrapped as subject keys are.';
CREATE UNIQUE INDEX index_key_one_active ON privacy.index_key (index_name) WHERE state = 'active';
GRANT SELECT, INSERT, UPDATE (state, wrapped, kek) ON privacy.index_key TO emoney_app;

CREATE FUNCTION privacy.guard_index_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (NEW.index_name, NEW.version, NEW.created_at, NEW.seal_until, NEW.open_until)
        <> (OLD.index_name, OLD.version, OLD.created_at, OLD.seal_until, OLD.open_until)
        OR NEW.made_by IS DISTINCT FROM OLD.made_by
        OR (NEW.state = OLD.state
            AND (OLD.state = 'destroyed' OR NEW.kek = OLD.kek OR NEW.wrapped = OLD.wrapped))
        OR (NEW.state <> OLD.state
            AND (NOT privacy.key_may_become(OLD.state, NEW.state) OR NEW.kek <> OLD.kek
                OR (NEW.state <> 'destroyed' AND NEW.wrapped <> OLD.wrapped)))
    THEN
        RAISE EXCEPTION 'an index key does not change so' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'destroyed' AND OLD.state <> 'destroyed'
        AND NOT EXISTS (
            SELECT FROM privacy.destruction_agreed_v1('index key', NEW.index_name || '/' || NEW.version, false))
    THEN
        RAISE EXCEPTION 'two persons must agree before a key is destroyed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.kek <> OLD.kek THEN
        PERFORM privacy.admit_wrapping_v1('index key', NULL, NEW.index_name, NEW.version, OLD.kek, NEW.kek, NEW.wrapped);
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.guard_index_key() FROM PUBLIC;
CREATE TRIGGER index_key_guard BEFORE UPDATE ON privacy.index_key
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_index_key();
CREATE TRIGGER index_key_keep BEFORE DELETE OR TRUNCATE ON privacy.index_key
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER index_key_wrapping AFTER INSERT ON privacy.index_key
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION privacy.guard_wrapping('wrap index keys');
CREATE CONSTRAINT TRIGGER index_key_compromised AFTER UPDATE ON privacy.index_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'compromised' AND OLD.state <> 'compromised')
    EXECUTE FUNCTION privacy.demand_compromise_event_v1('index key');
CREATE TRIGGER index_key_wrapped AFTER UPDATE ON privacy.index_key
    FOR EACH ROW WHEN (NEW.wrapped IS DISTINCT FROM OLD.wrapped)
    EXECUTE FUNCTION privacy.record_wrapping_v1('index key');

-- Entries ------------------------------------------------------------------------------------------

CREATE TABLE privacy.index_entry (
    code        bytea   NOT NULL CHECK (octet_length(code) BETWEEN 4 AND 32),
    row_id      uuid    NOT NULL,
    index_name  text    NOT NULL,
    key_version integer NOT NULL,
    subject     uuid    NOT NULL,
    PRIMARY KEY (code, index_name, key_version, row_id)
);
COMMENT ON TABLE privacy.index_entry IS
    'The code of a row''s value in an index: a truncated HMAC. Found rows are opened and compared before they count.';
CREATE INDEX index_entry_row ON privacy.index_entry (row_id, index_name);
CREATE INDEX index_entry_subject ON privacy.index_entry (subject);
GRANT SELECT, INSERT, DELETE ON privacy.index_entry TO emoney_app;

-- What an index tells ------------------------------------------------------------------------------

CREATE TABLE privacy.index_leakage (
    id              uuid             PRIMARY KEY,
    index_name      text             NOT NULL CHECK (length(index_name) BETWEEN 1 AND 100),
    measured_at     timestamptz      NOT NULL,
    entries         bigint           NOT NULL CHECK (entries >= 0),
    distinct_codes  bigint           NOT NULL CHECK (distinct_codes BETWEEN 0 AND entries),
    most_frequent   bigint           NOT NULL CHECK (most_frequent BETWEEN 0 AND entries),
    rank_matched    double precision NOT NULL CHECK (rank_matched BETWEEN 0 AND 1),
    refused         boolean          NOT NULL
);
COMMENT ON TABLE privacy.index_leakage IS
    'Append-only. What an index tells one who has it but not its key. rank_matched: the share of rows that an '
    'attacker who knows the values'' exact frequencies is expected to name right by matching ranks.';
CREATE INDEX index_leakage_newest ON privacy.index_leakage (index_name, measured_at DESC);
GRANT SELECT, INSERT ON privacy.index_leakage TO emoney_app;
CREATE TRIGGER index_leakage_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.index_leakage
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
