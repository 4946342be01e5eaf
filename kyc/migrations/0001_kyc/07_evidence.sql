-- What is known of a person, and who stands behind it. Evidence is a row that moves through states; every state it
-- was in stays in kyc.evidence_state, written by the database itself. What a pack takes as implied follows from
-- other evidence and is not stored.

-- Whose word evidence may rest on, other than that of two persons of the operator's: who identifies for the operator, the
-- last row of each name. Only the owner writes here. gives: the states that they stand behind; methods: by which,
-- null for any; assurance: how sure at most; login: the only one that records their evidence, null for any.
CREATE TABLE kyc.provider (
    name ledger.actor CHECK (name = lower(name)),
    number integer NOT NULL CHECK (number > 0),
    state text NOT NULL CHECK (state IN ('active', 'withdrawn')),
    gives text[] NOT NULL CHECK (cardinality(gives) > 0 AND gives <@ ARRAY['verified', 'registry_verified']),
    methods text[] CHECK (cardinality(methods) BETWEEN 1 AND 100),
    assurance text NOT NULL CHECK (assurance IN ('low', 'substantial', 'high')),
    login name,
    actor ledger.actor NOT NULL,
    reason ledger.reason NOT NULL,
    by_login name NOT NULL DEFAULT session_user,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, number)
);
GRANT SELECT ON kyc.provider TO emoney_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.provider
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

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
    CONSTRAINT evidence_approved_state CHECK (approval_id IS NULL OR state = 'verified'),
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
            AND array_position(ranks, NEW.state) <= array_position(ranks, OLD.state))
        -- what ends, ends as it was
        OR (NEW.state IN ('rejected', 'expired') AND (NEW.method, NEW.assurance, NEW.expires_on, NEW.provider)
            IS DISTINCT FROM (OLD.method, OLD.assurance, OLD.expires_on, OLD.provider)) THEN
        RAISE EXCEPTION 'kyc: evidence % does not go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER next_state BEFORE UPDATE ON kyc.evidence
    FOR EACH ROW EXECUTE FUNCTION kyc.demand_next_state_v1();

CREATE FUNCTION kyc.refuse_first_state_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'kyc: evidence % begins with its first state, alive, and no approval', NEW.id
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER first_state BEFORE INSERT ON kyc.evidence
    FOR EACH ROW WHEN (NEW.number <> 1 OR NEW.state IN ('rejected', 'expired') OR NEW.approval_id IS NOT NULL)
    EXECUTE FUNCTION kyc.refuse_first_state_v1();

-- Whose word it rests on: what two persons approved is just this, of the evidence as it was when they were asked, and so
-- serves once; a provider is registered and gives just this.
CREATE FUNCTION kyc.demand_verifier_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before kyc.evidence := OLD;
    levels constant text[] := ARRAY['low', 'substantial', 'high'];
    vouching kyc.provider;
BEGIN
    IF NEW.approval_id IS NOT NULL THEN
        -- of no such approval, the foreign key tells
        IF EXISTS (
            SELECT FROM ledger.request AS asked JOIN ledger.request_decision AS decided ON decided.request_id = asked.id
            WHERE asked.id = NEW.approval_id AND decided.outcome = 'approved' AND asked.action = 'evidence_acceptance'
              AND (asked.details <> jsonb_build_object('method', NEW.method, 'number', before.number, 'kind', NEW.kind,
                                                       'state', before.state, 'assurance', before.assurance)
                   OR (NEW.assurance, NEW.expires_on, NEW.provider)
                       IS DISTINCT FROM (before.assurance, before.expires_on, before.provider)
                   OR NOT ledger.same_person(NEW.recorded_by, decided.actor) OR NEW.recorded_at < decided.decided_at)
        ) THEN
            RAISE EXCEPTION 'kyc: evidence % is not verified as two have approved it', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'evidence_as_approved';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.state NOT IN ('verified', 'registry_verified') AND NEW.provider IS NOT DISTINCT FROM before.provider THEN
        RETURN NEW;
    END IF;
    SELECT * INTO vouching FROM kyc.provider WHERE name = NEW.provider ORDER BY number DESC LIMIT 1;
    IF vouching.state IS DISTINCT FROM 'active'
        OR NEW.state IN ('verified', 'registry_verified') AND (
            NEW.state <> ALL (vouching.gives) OR NEW.method <> ALL (coalesce(vouching.methods, ARRAY[NEW.method]))
            OR array_position(levels, NEW.assurance) > array_position(levels, vouching.assurance))
        OR vouching.login <> session_user
    THEN
        RAISE EXCEPTION 'kyc: no provider % is registered that gives evidence % so', NEW.provider, NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'evidence_provider';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.demand_verifier_v1() FROM PUBLIC;
CREATE TRIGGER verifier BEFORE INSERT OR UPDATE ON kyc.evidence
    FOR EACH ROW WHEN ((NEW.provider IS NOT NULL OR NEW.approval_id IS NOT NULL)
                       AND NEW.state NOT IN ('rejected', 'expired'))
    EXECUTE FUNCTION kyc.demand_verifier_v1();

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
