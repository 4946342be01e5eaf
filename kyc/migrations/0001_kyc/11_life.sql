-- Wallets on their way from inactivity to the state, and holders who died: the stage each is in, and every step.

CREATE TABLE kyc.dormancy (
    account_id uuid PRIMARY KEY REFERENCES kyc.wallet (account_id),
    stage text NOT NULL CHECK (stage IN ('notified', 'blocked', 'told', 'terminated', 'escheated', 'ended')),
    inactive_since timestamptz NOT NULL,
    blocked_at timestamptz,
    next_at timestamptz,
    amount bigint NOT NULL DEFAULT 0 CHECK (amount >= 0),
    CHECK ((next_at IS NULL) = (stage IN ('escheated', 'ended')))
);
CREATE INDEX dormancy_next ON kyc.dormancy (next_at) WHERE next_at IS NOT NULL;
GRANT SELECT, INSERT ON kyc.dormancy TO emoney_app;
GRANT UPDATE (stage, inactive_since, blocked_at, next_at, amount) ON kyc.dormancy TO emoney_app;

CREATE TABLE kyc.dormancy_step (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES kyc.wallet (account_id),
    stage text NOT NULL,
    transfer_id uuid,
    amount bigint NOT NULL CHECK (amount >= 0),
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 500),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    made_by ledger.actor NOT NULL,
    made_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    CHECK ((transfer_id IS NOT NULL) = (amount > 0))
);
CREATE INDEX dormancy_step_xact ON kyc.dormancy_step
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX dormancy_step_account ON kyc.dormancy_step (account_id);
GRANT SELECT ON kyc.dormancy_step TO emoney_app;
GRANT INSERT (id, account_id, stage, transfer_id, amount, source, reason, made_by, made_at)
    ON kyc.dormancy_step TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.dormancy_step
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- A wallet goes on, or back, together with the step that says so, and holds for the holder what a transfer took out; what was
-- blocked comes free for a holder of whom something is verified.
CREATE FUNCTION kyc.demand_dormancy_step_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before kyc.dormancy := OLD;
    ways constant text[] := ARRAY['ended', 'notified', 'blocked', 'told', 'terminated', 'escheated'];
    step kyc.dormancy_step;
BEGIN
    before.stage := coalesce(before.stage, 'ended');
    SELECT s.* INTO step FROM kyc.dormancy_step AS s
    WHERE s.account_id = NEW.account_id AND s.stage = NEW.stage AND s.xact = pg_current_xact_id()::text::bigint LIMIT 1;
    IF step.id IS NULL
        OR NEW.stage = 'ended' AND before.stage IN ('ended', 'escheated')
        OR NEW.stage <> 'ended' AND array_position(ways, NEW.stage) <> array_position(ways, before.stage) + 1
        OR NEW.amount IS DISTINCT FROM (CASE NEW.stage WHEN 'terminated' THEN step.amount WHEN 'escheated' THEN before.amount
                                        ELSE 0 END)
        OR NEW.stage = 'terminated' AND NEW.amount > 0 AND NOT EXISTS (
            SELECT FROM ledger.transfer AS t
            WHERE t.id = step.transfer_id AND t.debit_account = NEW.account_id AND t.amount = NEW.amount
              AND t.operation = 'dormancy')
        OR NEW.stage = 'ended' AND before.stage IN ('blocked', 'told', 'terminated') AND NOT EXISTS (
            SELECT FROM kyc.wallet AS w JOIN kyc.evidence AS e ON e.person_id = w.person_id
            WHERE w.account_id = NEW.account_id AND e.state IN ('verified', 'registry_verified'))
    THEN
        RAISE EXCEPTION 'kyc: wallet % does not go from % to % by itself', NEW.account_id, before.stage, NEW.stage
            USING ERRCODE = 'check_violation', CONSTRAINT = 'dormancy_follows_step';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.demand_dormancy_step_v1() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER follows_step AFTER INSERT OR UPDATE ON kyc.dormancy
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION kyc.demand_dormancy_step_v1();

-- What stops the clock: a wallet in litigation, under investigation, under a lien or in error.
CREATE TABLE kyc.dormancy_exemption (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES kyc.wallet (account_id),
    ground text NOT NULL CHECK (ground IN ('litigation', 'fraud_investigation', 'lien', 'error_under_investigation')),
    recorded_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    since timestamptz NOT NULL,
    ended_at timestamptz CHECK (ended_at >= since)
);
CREATE INDEX dormancy_exemption_open ON kyc.dormancy_exemption (account_id) WHERE ended_at IS NULL;
GRANT SELECT, INSERT ON kyc.dormancy_exemption TO emoney_app;
GRANT UPDATE (ended_at) ON kyc.dormancy_exemption TO emoney_app;

CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON kyc.dormancy_exemption
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Follows from the steps below, by their trigger alone.
CREATE TABLE kyc.death (
    person_id uuid PRIMARY KEY REFERENCES kyc.person (id),
    stage text NOT NULL CHECK (stage IN ('reported', 'verified', 'released', 'withdrawn'))
);
GRANT SELECT, DELETE ON kyc.death TO emoney_app;

CREATE TRIGGER no_removal BEFORE TRUNCATE ON kyc.death
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.death
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id');

CREATE TABLE kyc.death_step (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    stage text NOT NULL CHECK (stage IN ('reported', 'verified', 'released', 'withdrawn')),
    evidence_id uuid REFERENCES kyc.evidence (id),
    made_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    made_at timestamptz NOT NULL,
    approval_id uuid UNIQUE,
    approval_action text NOT NULL
        GENERATED ALWAYS AS (CASE stage WHEN 'withdrawn' THEN 'unfreezing' ELSE 'estate_release' END) STORED,
    approval_outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    FOREIGN KEY (approval_id, approval_action, person_id, approval_outcome)
        REFERENCES ledger.request_decision (request_id, action, subject, outcome),
    -- what lets the money go takes two
    CONSTRAINT letting_go_takes_two CHECK (stage IN ('reported', 'verified') OR approval_id IS NOT NULL),
    CHECK (stage <> 'verified' OR evidence_id IS NOT NULL)
);
CREATE INDEX death_step_person ON kyc.death_step (person_id);
GRANT SELECT, INSERT, DELETE ON kyc.death_step TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.death_step
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.death_step
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id');

-- Runs with its owner's rights: the application itself moves no death on, which would let the money go. It is verified by a
-- certificate of this person that is verified, and withdrawn by an approval of just that.
CREATE FUNCTION kyc.follow_death_step_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before text;
BEGIN
    SELECT stage INTO before FROM kyc.death WHERE person_id = NEW.person_id FOR NO KEY UPDATE;
    IF (CASE NEW.stage
           WHEN 'reported' THEN coalesce(before, 'withdrawn') = 'withdrawn'
           WHEN 'verified' THEN before = 'reported' AND EXISTS (
               SELECT FROM kyc.evidence AS e
               WHERE e.id = NEW.evidence_id AND e.person_id = NEW.person_id AND e.kind = 'death_certificate'
                 AND e.state IN ('verified', 'registry_verified'))
           WHEN 'released' THEN before = 'verified'
           ELSE before IN ('reported', 'verified')
               AND (SELECT details ->> 'of' FROM ledger.request WHERE id = NEW.approval_id) = 'death'
       END) IS NOT TRUE THEN
        RAISE EXCEPTION 'kyc: the death of person % does not go from % to %', NEW.person_id, before, NEW.stage
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO kyc.death (person_id, stage) VALUES (NEW.person_id, NEW.stage)
    ON CONFLICT (person_id) DO UPDATE SET stage = EXCLUDED.stage;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.follow_death_step_v1() FROM PUBLIC;
CREATE TRIGGER follow_step AFTER INSERT ON kyc.death_step
    FOR EACH ROW EXECUTE FUNCTION kyc.follow_death_step_v1();

-- Freezes (see ledger.freeze_kind): the staff's, which one person places and two lift; and those that follow from where a
-- wallet's dormancy, or its holder's death, stands.
CREATE FUNCTION kyc.is_not_dormant_v1(of_account uuid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM kyc.dormancy WHERE account_id = of_account AND stage NOT IN ('notified', 'ended'))
$$;
CREATE FUNCTION kyc.holder_lives_v1(of_account uuid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM kyc.wallet AS w JOIN kyc.death AS d ON d.person_id = w.person_id
                       WHERE w.account_id = of_account AND d.stage <> 'withdrawn')
$$;
INSERT INTO ledger.freeze_kind (name, takes_two, lifting) VALUES
    ('compliance', 'unfreezing', NULL),
    ('court_order', 'unfreezing', NULL),
    ('investigation', 'unfreezing', NULL),
    ('screening', 'unfreezing', NULL),
    ('dormancy', NULL, 'kyc.is_not_dormant_v1'),
    ('death', NULL, 'kyc.holder_lives_v1')
ON CONFLICT (name) DO NOTHING;
