-- Who answers for the numbers of a policy pack that were not read in the legal text: a signed record.

-- content_hash: SHA-256 of the pack and of the rates it needs, as they were. note: all of it, signed with the
-- installation's key. An acceptance that rests on four eyes refers to the approval of this very content;
-- approval_subject, the first 128 bits of content_hash, names the content in the request. Acceptances outside
-- production rest on one person's word: approval_id is null.
CREATE TABLE kyc.pack_acceptance (
    id uuid PRIMARY KEY,
    pack_id text NOT NULL CHECK (length(pack_id) BETWEEN 1 AND 40),
    content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    accepted_by text NOT NULL CHECK (length(accepted_by) BETWEEN 1 AND 100),
    accepted_at timestamptz NOT NULL,
    note text NOT NULL CHECK (length(note) <= 2000),
    approval_id uuid,
    approval_action text NOT NULL GENERATED ALWAYS AS ('pack_acceptance') STORED,
    approval_subject uuid NOT NULL GENERATED ALWAYS AS (left(content_hash, 32)::uuid) STORED,
    approval_outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT pack_acceptance_approved
        FOREIGN KEY (approval_id, approval_action, approval_subject, approval_outcome)
        REFERENCES ledger.request_decision (request_id, action, subject, outcome)
);
CREATE INDEX pack_acceptance_xact ON kyc.pack_acceptance
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX pack_acceptance_content ON kyc.pack_acceptance (pack_id, content_hash);
GRANT SELECT ON kyc.pack_acceptance TO emoney_app;
GRANT INSERT (id, pack_id, content_hash, accepted_by, accepted_at, note, approval_id)
    ON kyc.pack_acceptance TO emoney_app;
-- In production a pack's limits are stored as two accepted it, by the policy's right.
GRANT USAGE ON SCHEMA kyc TO emoney_policy;
GRANT SELECT ON kyc.pack_acceptance TO emoney_policy;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.pack_acceptance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
