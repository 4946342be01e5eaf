-- What holds a wallet back: the steps of its restrictions, and days that ended above a cap. Nothing is ever
-- taken from a wallet.

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
    made_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE INDEX restriction_step_xact ON kyc.restriction_step
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX restriction_step_account ON kyc.restriction_step (account_id);
GRANT SELECT ON kyc.restriction_step TO emoney_app;
GRANT INSERT (id, account_id, step, cause, profile_id, balance, cap, next_at, source, made_at)
    ON kyc.restriction_step TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.restriction_step
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- A wallet is restricted, or let go, together with the step that says so and with the limits that this names.
CREATE FUNCTION kyc.demand_restriction_step_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM kyc.restriction_step AS s
        JOIN kyc.wallet AS w ON w.account_id = s.account_id
        JOIN ledger.account AS a ON a.id = s.account_id
        WHERE s.account_id = NEW.account_id AND s.xact = pg_current_xact_id()::text::bigint
          AND s.step = coalesce(w.restriction, 'lifted') AND s.cause = coalesce(w.restriction_cause, s.cause)
          AND s.next_at IS NOT DISTINCT FROM w.restriction_next_at
          AND (s.profile_id = a.profile_id OR a.closed_at IS NOT NULL)
    ) THEN
        RAISE EXCEPTION 'kyc: wallet % is restricted and let go by a step that says so', NEW.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wallet_restriction_step';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.demand_restriction_step_v1() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER restriction_step
    AFTER UPDATE OF restriction, restriction_cause, restriction_next_at ON kyc.wallet
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION kyc.demand_restriction_step_v1();

-- Which days were dealt with, and which wallets ended one of them above a cap that is measured when the day ends.
CREATE TABLE kyc.end_of_day_run (
    pack_id text NOT NULL CHECK (length(pack_id) BETWEEN 1 AND 40),
    day date NOT NULL,
    wallets bigint NOT NULL CHECK (wallets >= 0),
    above bigint NOT NULL CHECK (above BETWEEN 0 AND wallets),
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (pack_id, day)
);
GRANT SELECT, INSERT ON kyc.end_of_day_run TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.end_of_day_run
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TABLE kyc.end_of_day_excess (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES kyc.wallet (account_id),
    day date NOT NULL,
    rule text NOT NULL CHECK (length(rule) BETWEEN 1 AND 300),
    cap bigint NOT NULL,
    held bigint NOT NULL,
    in_a_row integer NOT NULL CHECK (in_a_row >= 1),
    step text NOT NULL CHECK (step IN ('told', 'credits_stopped')),
    source text NOT NULL CHECK (length(source) BETWEEN 1 AND 500),
    recorded_at timestamptz NOT NULL,
    CHECK (held > cap),
    UNIQUE (account_id, day, rule)
);
CREATE INDEX end_of_day_excess_day ON kyc.end_of_day_excess (day);
GRANT SELECT, INSERT ON kyc.end_of_day_excess TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.end_of_day_excess
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
