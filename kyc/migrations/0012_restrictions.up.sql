-- A wallet above the cap of its tier, or whose holder reaches no tier, is restricted by stages; nothing is ever
-- taken from it. The wallet tells the stage it is in, kyc.restriction_step every step that was made.

ALTER TABLE kyc.wallet
    ADD COLUMN restriction text CHECK (restriction IN ('credits_stopped', 'debits_stopped')),
    ADD COLUMN restriction_cause text CHECK (restriction_cause IN ('above_cap', 'no_tier')),
    ADD COLUMN restriction_next_at timestamptz,
    ADD COLUMN override_until timestamptz,
    ADD CONSTRAINT wallet_restriction CHECK (
        (restriction IS NULL) = (restriction_cause IS NULL)
        -- credits are stopped until a date; after it there is no further stage
        AND (restriction_next_at IS NOT NULL) = (coalesce(restriction, '') = 'credits_stopped')
    );
CREATE INDEX wallet_restricted ON kyc.wallet (account_id) WHERE restriction IS NOT NULL;
CREATE INDEX wallet_override ON kyc.wallet (override_until) WHERE override_until IS NOT NULL;

CREATE TABLE kyc.restriction_step (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES kyc.wallet (account_id),
    step text NOT NULL CHECK (step IN ('credits_stopped', 'debits_stopped', 'lifted')),
    cause text NOT NULL CHECK (cause IN ('above_cap', 'no_tier')),
    profile_id uuid NOT NULL REFERENCES ledger.limit_profile (id),
    balance bigint NOT NULL,
    cap bigint,
    next_at timestamptz,
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 500),
    made_at timestamptz NOT NULL
);
CREATE INDEX restriction_step_account ON kyc.restriction_step (account_id);

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
    FOREIGN KEY (approval_id, approval_action, account_id, approval_outcome)
        REFERENCES kyc.approval_decision (request_id, action, subject, outcome)
);
CREATE INDEX tier_override_account ON kyc.tier_override (account_id);

-- Who froze a wallet, in which directions, and who let it go again: that takes two.
CREATE TABLE kyc.freeze (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES ledger.account (id),
    debit boolean NOT NULL,
    credit boolean NOT NULL,
    because text NOT NULL CHECK (length(because) BETWEEN 1 AND 500),
    made_by kyc.actor NOT NULL,
    made_at timestamptz NOT NULL,
    approval_id uuid UNIQUE,
    approval_action text NOT NULL GENERATED ALWAYS AS ('unfreezing') STORED,
    approval_outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    FOREIGN KEY (approval_id, approval_action, account_id, approval_outcome)
        REFERENCES kyc.approval_decision (request_id, action, subject, outcome),
    CONSTRAINT unfreezing_takes_two CHECK (debit OR credit OR approval_id IS NOT NULL)
);
CREATE INDEX freeze_account ON kyc.freeze (account_id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.restriction_step
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.tier_override
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.freeze
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT SELECT, INSERT ON kyc.restriction_step, kyc.tier_override, kyc.freeze TO emoney_app;
GRANT UPDATE (restriction, restriction_cause, restriction_next_at, override_until) ON kyc.wallet TO emoney_app;
