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
    -- deferrable, so that a use for another content is refused as that first
    approval_id uuid UNIQUE DEFERRABLE INITIALLY IMMEDIATE,
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

-- The foreign key holds it to the first half of the content's hash; here to the whole, the pack and who asked.
CREATE FUNCTION kyc.demand_accepted_pack_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger.request AS asked
        WHERE asked.id = NEW.approval_id AND asked.actor = NEW.accepted_by
          AND asked.details = jsonb_build_object('pack', NEW.pack_id, 'content', NEW.content_hash)
    ) THEN
        RAISE EXCEPTION 'kyc: pack % is not accepted as two have approved it', NEW.pack_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'pack_as_approved';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER as_approved AFTER INSERT ON kyc.pack_acceptance
    FOR EACH ROW WHEN (NEW.approval_id IS NOT NULL) EXECUTE FUNCTION kyc.demand_accepted_pack_v1();
