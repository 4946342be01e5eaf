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
GRANT SELECT, INSERT ON kyc.wallet TO emoney_app;
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
