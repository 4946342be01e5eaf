-- Limits: what a profile allows.

-- What a profile allows. Never edited: a changed rule is another profile. counted and counted_per_payee: the directions
-- and windows that its rules measure, of the wallet and of it with each other account. payee_operations: those that
-- some tier of the pack limits by payee, as a row per wallet and payee is dear. counted_operations: what some tier
-- measures, by direction. Both empty: everything.
CREATE TABLE ledger.limit_profile (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    currency text NOT NULL,
    time_zone text NOT NULL,
    rules jsonb NOT NULL,
    counted jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    counted_per_payee jsonb NOT NULL DEFAULT '[]',
    fiscal_year_starts smallint NOT NULL DEFAULT 1 CHECK (fiscal_year_starts BETWEEN 1 AND 12),
    payee_operations jsonb NOT NULL DEFAULT '[]',
    counted_operations jsonb NOT NULL DEFAULT '[]',
    UNIQUE (id, currency)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.limit_profile
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

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
