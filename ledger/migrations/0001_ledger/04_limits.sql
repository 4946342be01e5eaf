-- Limits: what a profile allows.

-- What a profile allows. Never edited: a changed rule is another profile. What its rules measure, and how it is counted,
-- is laid out from them (04_limits_guards.sql).
CREATE TABLE ledger.limit_profile (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    currency text NOT NULL,
    time_zone text NOT NULL,
    rules jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    fiscal_year_starts smallint NOT NULL DEFAULT 1 CHECK (fiscal_year_starts BETWEEN 1 AND 12),
    UNIQUE (id, currency)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.limit_profile
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Store a profile, unless one of its id is there; what it counts and forbids is compiled from it (04_limits_guards.sql).
-- A right of its own: whoever posts makes no limits.
CREATE FUNCTION ledger.store_profile_v1(
    id uuid, name text, currency text, time_zone text, rules jsonb, fiscal_year_starts integer
) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    INSERT INTO ledger.limit_profile (id, name, currency, time_zone, rules, fiscal_year_starts)
    VALUES (store_profile_v1.id, store_profile_v1.name, store_profile_v1.currency, store_profile_v1.time_zone,
            store_profile_v1.rules, store_profile_v1.fiscal_year_starts)
    ON CONFLICT ON CONSTRAINT limit_profile_pkey DO NOTHING;
END;
REVOKE EXECUTE ON FUNCTION ledger.store_profile_v1 FROM PUBLIC;

-- The number by which counters name an operation. Never changed, only added to.
CREATE TABLE ledger.operation_number (
    operation text PRIMARY KEY,
    number smallint NOT NULL UNIQUE CHECK (number BETWEEN 1 AND 31)
);

INSERT INTO ledger.operation_number (operation, number) VALUES
    ('opening', 1), ('load', 2), ('cash_in', 3), ('cash_out', 4), ('pay', 5), ('pay_remote', 6), ('bill', 7),
    ('p2p', 8), ('disburse', 9), ('float', 10), ('fee', 11), ('exchange', 12), ('refund', 13), ('reversal', 14),
    ('redeem_bank', 15), ('redeem_cash', 16), ('load_card', 17), ('remit_in', 18), ('p2p_registered', 19),
    ('cross_border', 20), ('crypto', 21), ('redeem_own_bank', 22), ('dormancy', 23), ('load_emoney', 24);
