-- Who answers for the numbers of a policy pack that were not read in the legal text. `content_hash`: SHA-256 of
-- the pack and of the rates it needs, as they were; `note`: all of it, signed with the installation's key.

CREATE TABLE kyc.pack_acceptance (
    id uuid PRIMARY KEY,
    pack_id text NOT NULL CHECK (length(pack_id) BETWEEN 1 AND 40),
    content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    accepted_by text NOT NULL CHECK (length(accepted_by) BETWEEN 1 AND 100),
    accepted_at timestamptz NOT NULL,
    note text NOT NULL CHECK (length(note) <= 2000)
);
CREATE INDEX pack_acceptance_content ON kyc.pack_acceptance (pack_id, content_hash);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.pack_acceptance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT SELECT, INSERT ON kyc.pack_acceptance TO emoney_app;
