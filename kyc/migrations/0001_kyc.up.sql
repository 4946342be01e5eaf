-- Who the holders are. The columns that tell it are bytea: sealed under the person's own key.

CREATE SCHEMA kyc;

-- No sealed field is shorter or longer (see privacy/sealing.py): a name stored as it is does not fit by accident.
CREATE DOMAIN kyc.sealed AS bytea CHECK (octet_length(VALUE) BETWEEN 97 AND 4200);

CREATE TABLE kyc.person (
    id uuid PRIMARY KEY,
    external_ref text NOT NULL UNIQUE CHECK (length(external_ref) BETWEEN 1 AND 128),
    name kyc.sealed,
    birth_date kyc.sealed,
    phone kyc.sealed,
    id_kind kyc.sealed,
    id_number kyc.sealed,
    address kyc.sealed,
    enrolled_at timestamptz NOT NULL
);

CREATE TABLE kyc.evidence (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
    state text NOT NULL CHECK (state IN ('captured', 'implied')),
    method text NOT NULL CHECK (length(method) BETWEEN 1 AND 100),
    recorded_at timestamptz NOT NULL
);
CREATE INDEX evidence_person ON kyc.evidence (person_id);

-- The ledger's account is the wallet; here stands whose it is and at which tier.
CREATE TABLE kyc.wallet (
    account_id uuid PRIMARY KEY REFERENCES ledger.account (id),
    person_id uuid REFERENCES kyc.person (id),
    pack_id text NOT NULL,
    tier text NOT NULL,
    tier_since timestamptz NOT NULL
);
CREATE INDEX wallet_person ON kyc.wallet (person_id) WHERE person_id IS NOT NULL;

CREATE TABLE kyc.tier_decision (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES kyc.wallet (account_id),
    pack_id text NOT NULL,
    tier text NOT NULL,
    profile_id uuid NOT NULL REFERENCES ledger.limit_profile (id),
    because text NOT NULL CHECK (length(because) <= 500),
    evidence text[] NOT NULL CHECK (cardinality(evidence) <= 20),
    decided_at timestamptz NOT NULL
);
CREATE INDEX tier_decision_account ON kyc.tier_decision (account_id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.evidence
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.tier_decision
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT USAGE ON SCHEMA kyc TO emoney_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA kyc TO emoney_app;
GRANT UPDATE (tier, pack_id, tier_since) ON kyc.wallet TO emoney_app;
