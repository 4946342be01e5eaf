-- The schema, and what was extracted from the ledger. Nothing in it names a person: accounts and transfers appear by
-- id and by the operator's reference.

CREATE SCHEMA aml;
GRANT USAGE ON SCHEMA aml TO emoney_app;

-- The one Parquet data set that belongs to this database. Its id is written beside the files, so that a
-- directory of another database is never taken for this one's.
CREATE TABLE aml.history (
    id uuid PRIMARY KEY,
    only_one boolean NOT NULL DEFAULT true UNIQUE CHECK (only_one)
);
INSERT INTO aml.history (id) VALUES (gen_random_uuid());
GRANT SELECT ON aml.history TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON aml.history
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

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
GRANT SELECT, INSERT ON aml.extraction TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON aml.extraction
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
