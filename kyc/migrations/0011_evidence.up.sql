-- Evidence is a row that moves through states; every state it was in stays in kyc.evidence_state, written by
-- the database itself. What a pack takes as implied follows from other evidence and is stored no more.

DROP TRIGGER append_only ON kyc.evidence;
DELETE FROM kyc.evidence WHERE state = 'implied';
ALTER TABLE kyc.evidence
    DROP CONSTRAINT evidence_state_check,
    ADD COLUMN number integer NOT NULL DEFAULT 1 CHECK (number >= 1),
    ADD COLUMN assurance text NOT NULL DEFAULT 'low' CHECK (assurance IN ('low', 'substantial', 'high')),
    ADD COLUMN expires_on date,
    ADD COLUMN recorded_by kyc.actor NOT NULL DEFAULT 'enrolment',
    ADD COLUMN because text NOT NULL DEFAULT 'given at enrolment' CHECK (length(because) BETWEEN 1 AND 500),
    ADD COLUMN provider kyc.actor,
    ADD COLUMN approval_id uuid,
    ADD COLUMN approval_action text NOT NULL GENERATED ALWAYS AS ('evidence_acceptance') STORED,
    ADD COLUMN approval_outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    ADD CONSTRAINT evidence_state_known CHECK (
        state IN ('declared', 'captured', 'verified', 'registry_verified', 'rejected', 'expired')
    ),
    -- a clerk's word alone verifies nothing: it takes a second person, or a provider
    ADD CONSTRAINT evidence_verified_by CHECK (
        (state <> 'verified' OR approval_id IS NOT NULL OR provider IS NOT NULL)
        AND (state <> 'registry_verified' OR provider IS NOT NULL)
    ),
    ADD CONSTRAINT evidence_approved FOREIGN KEY (approval_id, approval_action, id, approval_outcome)
        REFERENCES kyc.approval_decision (request_id, action, subject, outcome);
ALTER TABLE kyc.evidence
    ALTER COLUMN number DROP DEFAULT,
    ALTER COLUMN assurance DROP DEFAULT,
    ALTER COLUMN recorded_by DROP DEFAULT,
    ALTER COLUMN because DROP DEFAULT;

CREATE INDEX evidence_expiring ON kyc.evidence (expires_on)
    WHERE expires_on IS NOT NULL AND state NOT IN ('rejected', 'expired');

CREATE TABLE kyc.evidence_state (
    evidence_id uuid NOT NULL,
    number integer NOT NULL,
    state text NOT NULL,
    method text NOT NULL,
    assurance text NOT NULL,
    expires_on date,
    recorded_by text NOT NULL,
    because text NOT NULL,
    provider text,
    approval_id uuid,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (evidence_id, number)
);
INSERT INTO kyc.evidence_state
SELECT id, number, state, method, assurance, expires_on, recorded_by, because, provider, approval_id, recorded_at
FROM kyc.evidence;

CREATE FUNCTION kyc.keep_evidence_state_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_RELID <> 'kyc.evidence'::regclass THEN
        RAISE EXCEPTION 'kyc: states are kept of kyc.evidence only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO kyc.evidence_state (evidence_id, number, state, method, assurance, expires_on, recorded_by,
        because, provider, approval_id, recorded_at)
    SELECT id, number, state, method, assurance, expires_on, recorded_by, because, provider, approval_id, recorded_at
    FROM changed;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.keep_evidence_state_v1() FROM PUBLIC;

CREATE TRIGGER keep_first_state AFTER INSERT ON kyc.evidence REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION kyc.keep_evidence_state_v1();
CREATE TRIGGER keep_state AFTER UPDATE ON kyc.evidence REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION kyc.keep_evidence_state_v1();

-- Evidence is only ever better shown, or ends: what was rejected or has expired is recorded anew.
CREATE FUNCTION kyc.demand_next_state_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ranks text[] := ARRAY['declared', 'captured', 'verified', 'registry_verified'];
BEGIN
    IF NEW.number <> OLD.number + 1 OR NEW.recorded_at < OLD.recorded_at
        OR OLD.state IN ('rejected', 'expired')
        OR (NEW.state NOT IN ('rejected', 'expired')
            AND array_position(ranks, NEW.state) <= array_position(ranks, OLD.state)) THEN
        RAISE EXCEPTION 'kyc: evidence % does not go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER next_state BEFORE UPDATE ON kyc.evidence
    FOR EACH ROW EXECUTE FUNCTION kyc.demand_next_state_v1();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON kyc.evidence
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.evidence_state
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT SELECT ON kyc.evidence_state TO emoney_app;
GRANT UPDATE (number, state, method, assurance, expires_on, recorded_by, because, provider, approval_id, recorded_at)
    ON kyc.evidence TO emoney_app;
