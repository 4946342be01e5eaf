-- The roles that read, and whose persons a KYC reader sees. What each role may see is data (data/privileges.yaml), applied
-- after every upgrade by privacy/privileges.py: a table that the file says nothing of is closed to all of them.

-- Roles belong to the server, not to one database, and may be there already.
DO $$
DECLARE
    reader text;
BEGIN
    FOREACH reader IN ARRAY ARRAY['emoney_kyc_reader', 'emoney_analyst', 'emoney_auditor'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = reader) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', reader);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END
$$;

-- The application cannot write here: whoever holds its password cannot make readers of their own.
CREATE TABLE privacy.reader_pack (
    reader     text        NOT NULL CHECK (length(reader) BETWEEN 1 AND 63),
    pack_id    text        NOT NULL CHECK (length(pack_id) BETWEEN 1 AND 100),
    granted_by text        NOT NULL DEFAULT session_user CHECK (length(granted_by) BETWEEN 1 AND 63),
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (reader, pack_id)
);
COMMENT ON TABLE privacy.reader_pack IS
    'Whose persons a login of emoney_kyc_reader sees: those with a wallet under these packs; * is everyone. None: nobody.';
GRANT SELECT ON privacy.reader_pack TO emoney_app;
