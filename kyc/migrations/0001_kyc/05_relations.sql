-- What persons are to each other: owners of legal entities, guardians of minors.

-- Who owns an entity, as stated at a moment: each statement replaces the one before it as a whole.
-- Shares in basis points; dispersed: held by owners too small to name. The total is held to its parts below.
CREATE TABLE kyc.ownership_statement (
    id uuid PRIMARY KEY,
    entity_id uuid NOT NULL REFERENCES kyc.person (id),
    named_bp integer NOT NULL CHECK (named_bp BETWEEN 0 AND 10000),
    dispersed_bp integer NOT NULL CHECK (dispersed_bp >= 0),
    recorded_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    recorded_at timestamptz NOT NULL,
    CONSTRAINT ownership_is_whole CHECK (named_bp + dispersed_bp = 10000)
);
CREATE INDEX ownership_statement_entity ON kyc.ownership_statement (entity_id, recorded_at);
GRANT SELECT, INSERT, DELETE ON kyc.ownership_statement TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.ownership_statement
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.ownership_statement
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('entity_id');

-- control: by other means than a share; senior_manager: named where no one owns or controls.
CREATE TABLE kyc.ownership (
    statement_id uuid NOT NULL REFERENCES kyc.ownership_statement (id),
    owner_id uuid NOT NULL REFERENCES kyc.person (id),
    share_bp integer NOT NULL CHECK (share_bp BETWEEN 0 AND 10000),
    control boolean NOT NULL,
    senior_manager boolean NOT NULL,
    PRIMARY KEY (statement_id, owner_id),
    CHECK (share_bp > 0 OR control OR senior_manager)
);
CREATE INDEX ownership_owner ON kyc.ownership (owner_id);
GRANT SELECT, INSERT, DELETE ON kyc.ownership TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.ownership
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.ownership
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_below_v1('statement_id', 'kyc.ownership_statement', 'id', 'entity_id');

CREATE FUNCTION kyc.demand_whole_ownership_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM kyc.ownership_statement AS s
        WHERE s.id IN (SELECT statement_id FROM stated)
          AND s.named_bp <> (SELECT sum(o.share_bp) FROM kyc.ownership AS o WHERE o.statement_id = s.id)
    ) THEN
        RAISE EXCEPTION 'kyc: the shares of an ownership statement do not add up to what it says'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER whole_ownership AFTER INSERT ON kyc.ownership REFERENCING NEW TABLE AS stated
    FOR EACH STATEMENT EXECUTE FUNCTION kyc.demand_whole_ownership_v1();

-- A minor has one guardian at a time.
CREATE TABLE kyc.guardianship (
    id uuid PRIMARY KEY,
    minor_id uuid NOT NULL REFERENCES kyc.person (id),
    guardian_id uuid NOT NULL REFERENCES kyc.person (id),
    authority text NOT NULL CHECK (authority IN ('parent', 'court', 'other')),
    -- the year in which the minor comes of age: all that stands unsealed of the birth date
    until_year integer NOT NULL CHECK (until_year BETWEEN 1900 AND 2300),
    recorded_by ledger.actor NOT NULL,
    recorded_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_reason text CHECK (length(ended_reason) BETWEEN 1 AND 500),
    CHECK (minor_id <> guardian_id),
    CHECK ((ended_at IS NULL) = (ended_reason IS NULL))
);
CREATE UNIQUE INDEX guardianship_minor ON kyc.guardianship (minor_id) WHERE ended_at IS NULL;
CREATE INDEX guardianship_guardian ON kyc.guardianship (guardian_id) WHERE ended_at IS NULL;
CREATE INDEX guardianship_until ON kyc.guardianship (until_year) WHERE ended_at IS NULL;
GRANT SELECT, INSERT, DELETE ON kyc.guardianship TO emoney_app;
GRANT UPDATE (ended_at, ended_reason) ON kyc.guardianship TO emoney_app;

CREATE TRIGGER no_removal BEFORE TRUNCATE ON kyc.guardianship
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.guardianship
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('minor_id', 'guardian_id');

CREATE FUNCTION kyc.demand_open_guardianship_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL OR NEW.ended_at < OLD.recorded_at THEN
        RAISE EXCEPTION 'kyc: guardianship % ends once, after it began', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER ends_once BEFORE UPDATE ON kyc.guardianship
    FOR EACH ROW EXECUTE FUNCTION kyc.demand_open_guardianship_v1();
