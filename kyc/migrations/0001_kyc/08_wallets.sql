-- Whose an account is, at which tier and why, and what kind of wallet it is. The ledger's account is the wallet.

-- A bearer instrument has no person: its wallet names none. A wallet above the cap of its tier, or whose holder
-- reaches no tier, is restricted by stages: here stands the stage it is in, and in kyc.restriction_step every step.
CREATE TABLE kyc.wallet (
    account_id uuid PRIMARY KEY REFERENCES ledger.account (id),
    person_id uuid REFERENCES kyc.person (id),
    pack_id text NOT NULL,
    tier text NOT NULL,
    tier_since timestamptz NOT NULL,
    restriction text CHECK (restriction IN ('credits_stopped', 'debits_stopped')),
    restriction_cause text CHECK (restriction_cause IN ('above_cap', 'no_tier')),
    restriction_next_at timestamptz,
    override_until timestamptz,
    CONSTRAINT wallet_restriction CHECK (
        (restriction IS NULL) = (restriction_cause IS NULL)
        -- credits are stopped until a date; after it there is no further stage
        AND (restriction_next_at IS NOT NULL) = (coalesce(restriction, '') = 'credits_stopped')
    )
);
CREATE INDEX wallet_person ON kyc.wallet (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX wallet_pack ON kyc.wallet (pack_id, account_id);
CREATE INDEX wallet_restricted ON kyc.wallet (account_id) WHERE restriction IS NOT NULL;
CREATE INDEX wallet_override ON kyc.wallet (override_until) WHERE override_until IS NOT NULL;
GRANT SELECT, INSERT (account_id, person_id, pack_id, tier, tier_since) ON kyc.wallet TO emoney_app;
GRANT UPDATE (person_id, pack_id, tier, tier_since, restriction, restriction_cause, restriction_next_at,
    override_until) ON kyc.wallet TO emoney_app;

CREATE TRIGGER forgetting BEFORE UPDATE OF person_id ON kyc.wallet
    FOR EACH ROW WHEN (OLD.person_id IS DISTINCT FROM NEW.person_id)
    EXECUTE FUNCTION privacy.guard_forgetting_v1('person_id');

-- Decisions are leaves of the proof log (ledger.leaf_source). salt: what a leaf commits to cannot be guessed from it,
-- nor shown to be about anyone once the row is gone. xact and salt are left to the database.
CREATE TABLE kyc.tier_decision (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES kyc.wallet (account_id),
    pack_id text NOT NULL,
    tier text NOT NULL,
    profile_id uuid NOT NULL REFERENCES ledger.limit_profile (id),
    reason text NOT NULL CHECK (length(reason) <= 500),
    evidence text[] NOT NULL CHECK (cardinality(evidence) <= 20),
    decided_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE INDEX tier_decision_account ON kyc.tier_decision (account_id);
CREATE INDEX tier_decision_xact ON kyc.tier_decision
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT ON kyc.tier_decision TO emoney_app;
GRANT INSERT (id, account_id, pack_id, tier, profile_id, reason, evidence, decided_at)
    ON kyc.tier_decision TO emoney_app;

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (64, 'kyc.tier_decision', 1, 'id', ARRAY[
        'salt uuid', 'account_id uuid', 'pack_id text', 'tier text', 'profile_id uuid', 'reason text',
        'evidence json', 'decided_at time']);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.tier_decision
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- What is decided stands in the wallet already: no decision says of a wallet what it is not.
CREATE FUNCTION kyc.demand_decision_in_force_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM decided AS d JOIN kyc.wallet AS w ON w.account_id = d.account_id
               WHERE (w.pack_id, w.tier) <> (d.pack_id, d.tier)) THEN
        RAISE EXCEPTION 'kyc: a decision names a tier that its wallet is not at'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_in_force';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER in_force AFTER INSERT ON kyc.tier_decision REFERENCING NEW TABLE AS decided
    FOR EACH STATEMENT EXECUTE FUNCTION kyc.demand_decision_in_force_v1();

-- A wallet comes to a tier together with the decision on it, in one transaction, and its account under a profile that was
-- decided there; a wallet is of the holder that its account is of. Asked at the end, of what stands then.
CREATE FUNCTION kyc.demand_decided_tier_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at_tier boolean;
    under_profile boolean;
    of_holder boolean;
BEGIN
    SELECT bool_or((d.pack_id, d.tier, d.decided_at) = (w.pack_id, w.tier, w.tier_since)),
           bool_or(d.profile_id = a.profile_id OR a.closed_at IS NOT NULL),
           bool_and(w.person_id IS NULL OR a.holder = (SELECT coalesce(p.holder_id, p.id) FROM kyc.person AS p
                                                       WHERE p.id = w.person_id))
    INTO at_tier, under_profile, of_holder
    FROM kyc.tier_decision AS d
    JOIN kyc.wallet AS w ON w.account_id = d.account_id
    JOIN ledger.account AS a ON a.id = d.account_id
    WHERE d.account_id = NEW.account_id AND d.xact = pg_current_xact_id()::text::bigint;
    IF (at_tier AND under_profile AND of_holder) IS NOT TRUE THEN
        RAISE EXCEPTION 'kyc: wallet % comes to a tier by a decision, and under its limits', NEW.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_decided';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.demand_decided_tier_v1() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER decided AFTER INSERT OR UPDATE OF pack_id, tier, tier_since ON kyc.wallet
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION kyc.demand_decided_tier_v1();

-- The limits of a wallet's account change together with a decision on the wallet, or by the word of two.
CREATE FUNCTION kyc.demand_decided_profile_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM kyc.wallet WHERE account_id = NEW.account_id) AND NOT EXISTS (
        SELECT FROM kyc.tier_decision
        WHERE account_id = NEW.account_id AND profile_id = NEW.profile_id
          AND xact = pg_current_xact_id()::text::bigint
    ) THEN
        RAISE EXCEPTION 'kyc: the limits of wallet % change by a decision on it', NEW.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_profile_decided';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.demand_decided_profile_v1() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER decided AFTER INSERT ON ledger.account_change
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind = 'profile' AND NEW.approval_id IS NULL)
    EXECUTE FUNCTION kyc.demand_decided_profile_v1();

-- A tier that evidence does not reach, for a time, by the word of two persons.
CREATE TABLE kyc.tier_override (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES kyc.wallet (account_id),
    pack_id text NOT NULL,
    tier text NOT NULL,
    made_at timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > made_at),
    approval_id uuid NOT NULL UNIQUE,
    approval_action text NOT NULL GENERATED ALWAYS AS ('tier_override') STORED,
    approval_outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    FOREIGN KEY (approval_id, approval_action, account_id, approval_outcome)
        REFERENCES ledger.request_decision (request_id, action, subject, outcome)
);
CREATE INDEX tier_override_xact ON kyc.tier_override
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX tier_override_account ON kyc.tier_override (account_id);
GRANT SELECT ON kyc.tier_override TO emoney_app;
GRANT INSERT (id, account_id, pack_id, tier, made_at, until, approval_id)
    ON kyc.tier_override TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.tier_override
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE FUNCTION kyc.demand_agreed_override_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger.request AS asked JOIN ledger.request_decision AS decided ON decided.request_id = asked.id
        WHERE asked.id = NEW.approval_id AND decided.decided_at = NEW.made_at
          AND asked.details ->> 'pack' = NEW.pack_id AND asked.details ->> 'tier' = NEW.tier
          AND (asked.details ->> 'until')::timestamptz = NEW.until
    ) THEN
        RAISE EXCEPTION 'kyc: the tier of wallet % is not overridden as two have approved it', NEW.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'override_as_approved';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER as_approved AFTER INSERT ON kyc.tier_override
    FOR EACH ROW EXECUTE FUNCTION kyc.demand_agreed_override_v1();

-- A wallet keeps its tier for as long as the last override of it says, and no shorter.
CREATE FUNCTION kyc.demand_override_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (CASE WHEN NEW.override_until IS NULL THEN ledger.has_come_v1(OLD.override_until)
            ELSE NEW.override_until = (SELECT o.until FROM kyc.tier_override AS o WHERE o.account_id = NEW.account_id
                                       ORDER BY o.made_at DESC, o.id DESC LIMIT 1) END) IS NOT TRUE THEN
        RAISE EXCEPTION 'kyc: wallet % is overridden for as long as two have approved', NEW.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_override';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.demand_override_v1() FROM PUBLIC;
CREATE TRIGGER override BEFORE UPDATE OF override_until ON kyc.wallet
    FOR EACH ROW WHEN (NEW.override_until IS DISTINCT FROM OLD.override_until)
    EXECUTE FUNCTION kyc.demand_override_v1();

-- What a wallet is, as far as rules depend on it: each statement in place of the one before it, none edited.
-- A wallet without a row is an ordinary one. Null: nothing is said. Statements are leaves of the proof log, too.
CREATE TABLE kyc.wallet_features (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES kyc.wallet (account_id),
    number integer NOT NULL CHECK (number >= 1),
    reloadable boolean,
    one_country boolean,
    goods_only boolean,
    loaded_with_cash boolean NOT NULL,
    phone_not_validated boolean NOT NULL,
    cohorts text[] NOT NULL CHECK (cardinality(cohorts) <= 20),
    recorded_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    recorded_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (account_id, number)
);
CREATE INDEX wallet_features_xact ON kyc.wallet_features
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT ON kyc.wallet_features TO emoney_app;
GRANT INSERT (id, account_id, number, reloadable, one_country, goods_only, loaded_with_cash, phone_not_validated,
    cohorts, recorded_by, reason, recorded_at) ON kyc.wallet_features TO emoney_app;

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (65, 'kyc.wallet_features', 1, 'id', ARRAY[
        'salt uuid', 'account_id uuid', 'number integer', 'reloadable json', 'one_country json', 'goods_only json',
        'loaded_with_cash json', 'phone_not_validated json', 'cohorts json', 'recorded_by text', 'reason text',
        'recorded_at time']);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.wallet_features
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- An instrument that is loaded once stays so: reloadable it would be another one.
CREATE FUNCTION kyc.demand_next_features_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before kyc.wallet_features;
BEGIN
    SELECT * INTO before FROM kyc.wallet_features
    WHERE account_id = NEW.account_id ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(before.number, 0) + 1
        OR (before.reloadable = false AND NEW.reloadable IS DISTINCT FROM false)
        OR NEW.recorded_at < before.recorded_at THEN
        RAISE EXCEPTION 'kyc: statement % on wallet % does not follow the one before it', NEW.number, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER next_features BEFORE INSERT ON kyc.wallet_features
    FOR EACH ROW EXECUTE FUNCTION kyc.demand_next_features_v1();

-- The account of an agent's float or of a merchant, whose it is, and the agent that this one works under.
CREATE TABLE kyc.business_account (
    account_id uuid PRIMARY KEY REFERENCES ledger.account (id),
    person_id uuid REFERENCES kyc.person (id),
    role text NOT NULL CHECK (role IN ('agent', 'merchant')),
    under_account uuid REFERENCES kyc.business_account (account_id) CHECK (under_account <> account_id),
    recorded_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    recorded_at timestamptz NOT NULL
);
CREATE INDEX business_account_person ON kyc.business_account (person_id);
CREATE INDEX business_account_under ON kyc.business_account (under_account) WHERE under_account IS NOT NULL;
GRANT SELECT, INSERT ON kyc.business_account TO emoney_app;
GRANT UPDATE (person_id) ON kyc.business_account TO emoney_app;

CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON kyc.business_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER forgetting BEFORE UPDATE ON kyc.business_account
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_forgetting_v1('person_id');
