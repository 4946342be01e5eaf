-- How risky a customer is, with reasons; when what is known of them is to be looked at again; what they agreed to.

CREATE TABLE kyc.risk_rating (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    rating text NOT NULL CHECK (rating IN ('low', 'standard', 'high')),
    points integer NOT NULL,
    factors text[] NOT NULL CHECK (cardinality(factors) <= 50),
    reasons text[] NOT NULL CHECK (cardinality(reasons) <= 50),
    policy text NOT NULL CHECK (length(policy) BETWEEN 1 AND 200),
    rated_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    rated_at timestamptz NOT NULL
);
CREATE INDEX risk_rating_person ON kyc.risk_rating (person_id, rated_at);
GRANT SELECT, INSERT, DELETE ON kyc.risk_rating TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.risk_rating
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.risk_rating
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id');

-- The next review of each person. remind_on: null when all reminders were sent.
CREATE TABLE kyc.review (
    person_id uuid PRIMARY KEY REFERENCES kyc.person (id),
    rating text NOT NULL CHECK (rating IN ('unrated', 'low', 'standard', 'high')),
    reviewed_at timestamptz NOT NULL,
    due_on date NOT NULL,
    remind_on date
);
CREATE INDEX review_due ON kyc.review (due_on);
CREATE INDEX review_remind ON kyc.review (remind_on) WHERE remind_on IS NOT NULL;
GRANT SELECT, INSERT, DELETE ON kyc.review TO emoney_app;
GRANT UPDATE (rating, reviewed_at, due_on, remind_on) ON kyc.review TO emoney_app;

CREATE TRIGGER no_removal BEFORE TRUNCATE ON kyc.review
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.review
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id');

CREATE TABLE kyc.review_done (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    was_due_on date NOT NULL,
    next_due_on date NOT NULL,
    reviewed_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    reviewed_at timestamptz NOT NULL
);
CREATE INDEX review_done_person ON kyc.review_done (person_id);
GRANT SELECT, INSERT, DELETE ON kyc.review_done TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.review_done
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.review_done
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id');

-- A text that persons agree to, by the SHA-256 of its bytes.
CREATE TABLE kyc.terms (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    version text NOT NULL CHECK (length(version) BETWEEN 1 AND 40),
    locale text NOT NULL CHECK (locale ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$'),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    effective_from date NOT NULL,
    published_by ledger.actor NOT NULL,
    published_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (kind, version, locale)
);
CREATE INDEX terms_xact ON kyc.terms
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT ON kyc.terms TO emoney_app;
GRANT INSERT (id, kind, version, locale, sha256, effective_from, published_by, published_at)
    ON kyc.terms TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.terms
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TABLE kyc.consent (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    terms_id uuid NOT NULL REFERENCES kyc.terms (id),
    given boolean NOT NULL,
    channel text NOT NULL CHECK (channel ~ '^[a-z_]{1,40}$'),
    recorded_by ledger.actor NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX consent_person ON kyc.consent (person_id, recorded_at);
GRANT SELECT, INSERT, DELETE ON kyc.consent TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.consent
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.consent
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id');
