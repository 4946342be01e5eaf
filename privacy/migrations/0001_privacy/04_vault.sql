-- Sealed fields: the version that each stands at, the purposes it may be opened for, and who opened it or was refused.

-- Field versions ----------------------------------------------------------------------------------

-- Kept apart from the ciphertexts, so that an older ciphertext put back in its old place is recognised.

CREATE TABLE privacy.sealed_row (
    row_id     uuid  NOT NULL,
    table_name text  NOT NULL CHECK (length(table_name) BETWEEN 1 AND 100),
    subject    uuid  NOT NULL,
    versions   jsonb NOT NULL CHECK (jsonb_typeof(versions) = 'object' AND pg_column_size(versions) < 8192),
    PRIMARY KEY (row_id, table_name)
);
COMMENT ON TABLE privacy.sealed_row IS
    'For each row with sealed columns: whose it is, and the version that each sealed column stands at. Only grows.';
CREATE INDEX sealed_row_subject ON privacy.sealed_row (subject);

GRANT SELECT, INSERT, UPDATE (versions), DELETE ON privacy.sealed_row TO emoney_app;

-- One more at a time, and no column goes: neither is an older value taken again, nor is the number used up.
CREATE FUNCTION privacy.guard_sealed_row() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (NEW.row_id, NEW.table_name, NEW.subject) IS DISTINCT FROM (OLD.row_id, OLD.table_name, OLD.subject)
        OR EXISTS (
            SELECT FROM jsonb_object_keys(OLD.versions || NEW.versions) AS name
            WHERE (NEW.versions ->> name)::numeric - coalesce(OLD.versions ->> name, '0')::numeric
                NOT IN (CASE WHEN OLD.versions ? name THEN 0 ELSE 1 END, 1) IS NOT FALSE
        )
    THEN
        RAISE EXCEPTION 'the version of a sealed field only grows, by one'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER sealed_row_guard BEFORE UPDATE ON privacy.sealed_row
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_sealed_row();

CREATE FUNCTION privacy.guard_sealed_row_start_v1() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM written CROSS JOIN LATERAL jsonb_each(versions) AS first (name, version) WHERE version <> '1') THEN
        RAISE EXCEPTION 'the first version of a sealed field is 1' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER sealed_row_start AFTER INSERT ON privacy.sealed_row
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION privacy.guard_sealed_row_start_v1();

-- A row goes when its subject is erased, and nothing of that can be opened any more.
CREATE FUNCTION privacy.guard_sealed_row_end() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT privacy.being_erased(OLD.subject)
        OR EXISTS (SELECT FROM privacy.subject_key WHERE subject = OLD.subject AND state <> 'destroyed')
    THEN
        RAISE EXCEPTION 'the versions of sealed fields are kept until their subject is erased'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER sealed_row_end BEFORE DELETE ON privacy.sealed_row
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_sealed_row_end();
CREATE TRIGGER sealed_row_keep BEFORE TRUNCATE ON privacy.sealed_row
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- The key's version in the header of a sealed field (docs/sealed-fields.md), for finding fields under old keys.
CREATE FUNCTION privacy.sealed_key_version(sealed bytea) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE get_byte(sealed, 0)
    WHEN 2 THEN get_byte(sealed, 2) << 24 | get_byte(sealed, 3) << 16 | get_byte(sealed, 4) << 8 | get_byte(sealed, 5)
END;

-- Purposes ----------------------------------------------------------------------------------------

CREATE TABLE privacy.purpose_list (
    id          uuid        PRIMARY KEY,
    assessment  text        NOT NULL CHECK (length(assessment) BETWEEN 1 AND 200),
    purposes    text[]      NOT NULL CHECK (cardinality(purposes) <= 100 AND array_position(purposes, NULL) IS NULL),
    approved_by text        NOT NULL CHECK (length(approved_by) BETWEEN 1 AND 200),
    approved_at timestamptz NOT NULL,
    xact        bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);
COMMENT ON TABLE privacy.purpose_list IS
    'Append-only. The purposes that an approved assessment lists; the newest holds. While there is none, the shipped list holds.';
CREATE INDEX purpose_list_newest ON privacy.purpose_list (approved_at DESC, id DESC);
CREATE INDEX purpose_list_xact ON privacy.purpose_list
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, assessment, purposes, approved_by, approved_at) ON privacy.purpose_list TO emoney_app;
CREATE TRIGGER purpose_list_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.purpose_list
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER clock BEFORE INSERT ON privacy.purpose_list
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_recorded_v1('approved_at');

-- What fields are opened for says whoever answers for it; a list is never older than the one that it replaces.
CREATE FUNCTION privacy.guard_purpose_list_v1() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger.demand_role_v1('approving purposes', '{dpo, compliance_officer}');
    PERFORM pg_advisory_xact_lock(hashtextextended('privacy.purpose_list', 0));
    IF EXISTS (SELECT FROM privacy.purpose_list WHERE approved_at > NEW.approved_at) THEN
        RAISE EXCEPTION 'a newer list of purposes is in force' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.guard_purpose_list_v1() FROM PUBLIC;
CREATE TRIGGER guard BEFORE INSERT ON privacy.purpose_list
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_purpose_list_v1();

-- Openings ----------------------------------------------------------------------------------------

CREATE TABLE privacy.opening (
    id          uuid        PRIMARY KEY,
    actor       text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    purpose     text        NOT NULL CHECK (length(purpose) BETWEEN 1 AND 100),
    table_name  text        NOT NULL,
    column_name text        NOT NULL,
    row_id      uuid        NOT NULL,
    subject     uuid        NOT NULL,
    opened_at   timestamptz NOT NULL,
    xact        bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt        uuid        NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE privacy.opening IS
    'Append-only. One row for each row of which a call opened sealed fields; column_name: theirs, with commas between.';
CREATE INDEX opening_subject ON privacy.opening (subject, opened_at);
CREATE INDEX opening_at ON privacy.opening USING brin (opened_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX opening_xact ON privacy.opening USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
-- A default that is drawn for each row makes COPY write row by row; with the salt in the row it writes pages. The salt
-- keeps a leaf from being guessed, which is in the hands of whoever writes the row either way; xact, which orders
-- the leaves, stays the database's.
GRANT SELECT, INSERT (id, actor, purpose, table_name, column_name, row_id, subject, opened_at, salt)
    ON privacy.opening TO emoney_app;
CREATE TRIGGER opening_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.opening
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Refused openings --------------------------------------------------------------------------------

CREATE TABLE privacy.opening_refusal (
    id         uuid        PRIMARY KEY,
    actor      text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    purpose    text        CHECK (length(purpose) BETWEEN 1 AND 100),
    reason     text        NOT NULL CHECK (reason IN (
                   'unknown purpose', 'purpose not approved', 'processing restricted', 'field does not open',
                   'key destroyed', 'key compromised', 'key expired', 'key unavailable')),
    fields     integer     NOT NULL CHECK (fields > 0),
    table_name text        NOT NULL,
    subject    uuid,
    refused_at timestamptz NOT NULL,
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid        NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE privacy.opening_refusal IS
    'Append-only. One row for each refused call; table and subject are those of its first field. No purpose: not one there is.';
CREATE INDEX opening_refusal_at ON privacy.opening_refusal (refused_at);
CREATE INDEX opening_refusal_xact ON privacy.opening_refusal
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, actor, purpose, reason, fields, table_name, subject, refused_at)
    ON privacy.opening_refusal TO emoney_app;
CREATE TRIGGER opening_refusal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.opening_refusal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
