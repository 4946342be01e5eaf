-- What is known of a person, and who stands behind it. Evidence is a row that moves through states; every state it
-- was in stays in kyc.evidence_state, written by the database itself. What a pack takes as implied follows from
-- other evidence and is not stored.

CREATE TABLE kyc.evidence (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
    state text NOT NULL,
    method text NOT NULL CHECK (length(method) BETWEEN 1 AND 100),
    recorded_at timestamptz NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    assurance text NOT NULL CHECK (assurance IN ('low', 'substantial', 'high')),
    expires_on date,
    recorded_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    provider ledger.actor,
    approval_id uuid,
    approval_action text NOT NULL GENERATED ALWAYS AS ('evidence_acceptance') STORED,
    approval_outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    CONSTRAINT evidence_state_known CHECK (
        state IN ('declared', 'captured', 'verified', 'registry_verified', 'rejected', 'expired')
    ),
    -- a clerk's word alone verifies nothing: it takes a second person, or a provider who is another one
    CONSTRAINT evidence_verified_by CHECK (
        (state <> 'verified' OR approval_id IS NOT NULL OR provider IS NOT NULL)
        AND (state <> 'registry_verified' OR provider IS NOT NULL)
    ),
    CONSTRAINT evidence_provider_other CHECK (
        state NOT IN ('verified', 'registry_verified') OR provider IS NULL
        OR (state = 'verified' AND approval_id IS NOT NULL) OR NOT ledger.same_person(provider, recorded_by)
    ),
    CONSTRAINT evidence_approved FOREIGN KEY (approval_id, approval_action, id, approval_outcome)
        REFERENCES ledger.request_decision (request_id, action, subject, outcome)
);
CREATE INDEX evidence_person ON kyc.evidence (person_id);
CREATE INDEX evidence_expiring ON kyc.evidence (expires_on)
    WHERE expires_on IS NOT NULL AND state NOT IN ('rejected', 'expired');
GRANT SELECT, INSERT, DELETE ON kyc.evidence TO emoney_app;
GRANT UPDATE (number, state, method, assurance, expires_on, recorded_by, reason, provider, approval_id, recorded_at)
    ON kyc.evidence TO emoney_app;

CREATE TRIGGER no_removal BEFORE TRUNCATE ON kyc.evidence
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.evidence
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id');

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

CREATE TABLE kyc.evidence_state (
    evidence_id uuid NOT NULL,
    number integer NOT NULL,
    state text NOT NULL,
    method text NOT NULL,
    assurance text NOT NULL,
    expires_on date,
    recorded_by text NOT NULL,
    reason text NOT NULL,
    provider text,
    approval_id uuid,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (evidence_id, number)
);
GRANT SELECT, DELETE ON kyc.evidence_state TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.evidence_state
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.evidence_state
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_below_v1('evidence_id', 'kyc.evidence', 'id', 'person_id');

-- Runs with its owner's rights: the application itself can write no state.
CREATE FUNCTION kyc.keep_evidence_state_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_RELID <> 'kyc.evidence'::regclass THEN
        RAISE EXCEPTION 'kyc: states are kept of kyc.evidence only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO kyc.evidence_state (evidence_id, number, state, method, assurance, expires_on, recorded_by,
        reason, provider, approval_id, recorded_at)
    SELECT id, number, state, method, assurance, expires_on, recorded_by, reason, provider, approval_id, recorded_at
    FROM changed;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.keep_evidence_state_v1() FROM PUBLIC;
CREATE TRIGGER keep_first_state AFTER INSERT ON kyc.evidence REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION kyc.keep_evidence_state_v1();
CREATE TRIGGER keep_state AFTER UPDATE ON kyc.evidence REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION kyc.keep_evidence_state_v1();
