-- Limits: what a profile allows, and what each wallet has moved in a month, a year, its lifetime.

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

-- What a wallet moved in a period: a month, a year, its lifetime. scope_id: the wallet, or the pair of a wallet and
-- one other account. totals: per direction and operation a cell of code (1 byte: the operation's number, plus 128
-- where money goes out), number of transfers (4) and amount (8), big-endian; days: the same with the day of the
-- month before it, latest day first. moved: all that was ever counted, returned: how much of it was given back.
CREATE TABLE ledger.usage (
    scope_id uuid NOT NULL,
    starts_on date NOT NULL,
    span text NOT NULL CHECK (span IN ('month', 'year', 'lifetime')),
    totals bytea NOT NULL CHECK (octet_length(totals) % 13 = 0),
    days bytea NOT NULL CHECK (octet_length(days) % 14 = 0),
    moved bigint NOT NULL,
    returned bigint NOT NULL CHECK (returned BETWEEN 0 AND moved),
    PRIMARY KEY (scope_id, starts_on, span)
) WITH (fillfactor = 70);

-- After the update: before it, each row would be locked first, and that logged.
CREATE TRIGGER only_grows AFTER UPDATE ON ledger.usage FOR EACH ROW
    WHEN (NEW.moved < OLD.moved OR NEW.returned < OLD.returned)
    EXECUTE FUNCTION ledger.refuse_decrease();

-- The number by which a cell names an operation. Never changed, only added to.
CREATE TABLE ledger.operation_number (
    operation text PRIMARY KEY,
    number smallint NOT NULL UNIQUE CHECK (number BETWEEN 1 AND 127)
);

INSERT INTO ledger.operation_number (operation, number) VALUES
    ('opening', 1), ('load', 2), ('cash_in', 3), ('cash_out', 4), ('pay', 5), ('pay_remote', 6), ('bill', 7),
    ('p2p', 8), ('disburse', 9), ('float', 10), ('fee', 11), ('exchange', 12), ('refund', 13), ('reversal', 14),
    ('redeem_bank', 15), ('redeem_cash', 16), ('load_card', 17), ('remit_in', 18), ('p2p_registered', 19),
    ('cross_border', 20), ('crypto', 21), ('redeem_own_bank', 22), ('dormancy', 23), ('load_emoney', 24);

-- The cells one by one, for people with questions. day is null in a period's totals.
CREATE VIEW ledger.usage_cell AS
SELECT u.scope_id, u.span, u.starts_on, c.day, c.direction, o.operation, c.count, c.amount
FROM ledger.usage AS u
CROSS JOIN LATERAL (
    SELECT NULL::integer AS day,
           CASE WHEN get_byte(u.totals, n) >= 128 THEN 'out' ELSE 'in' END AS direction,
           get_byte(u.totals, n) % 128 AS number,
           ('x' || encode(substring(u.totals FROM n + 2 FOR 4), 'hex'))::bit(32)::bigint AS count,
           ('x' || encode(substring(u.totals FROM n + 6 FOR 8), 'hex'))::bit(64)::bigint AS amount
    FROM generate_series(0, octet_length(u.totals) - 1, 13) AS n
    UNION ALL
    SELECT get_byte(u.days, n),
           CASE WHEN get_byte(u.days, n + 1) >= 128 THEN 'out' ELSE 'in' END,
           get_byte(u.days, n + 1) % 128,
           ('x' || encode(substring(u.days FROM n + 3 FOR 4), 'hex'))::bit(32)::bigint,
           ('x' || encode(substring(u.days FROM n + 7 FOR 8), 'hex'))::bit(64)::bigint
    FROM generate_series(0, octet_length(u.days) - 1, 14) AS n
) AS c
LEFT JOIN ledger.operation_number AS o ON o.number = c.number;

-- Rows of a batch come as one array: PostgreSQL takes it apart at a fraction of what as many arrays of columns cost.
CREATE TYPE ledger.usage_row AS (
    scope_id uuid, starts_on date, span text, totals bytea, days bytea, moved bigint, returned bigint
);

-- Store rows of usage, there before or not. In one statement that PostgreSQL finds them for by the key, whatever it
-- knows of the table: a plan made while the table was small, and kept for as long as the connection, does not go
-- through it.
CREATE FUNCTION ledger.store_usage_v1(stored ledger.usage_row[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO ledger.usage (scope_id, starts_on, span, totals, days, moved, returned)
    SELECT n.scope_id, n.starts_on, n.span, n.totals, n.days, n.moved, n.returned FROM unnest(stored) AS n
    ON CONFLICT (scope_id, starts_on, span) DO UPDATE
    SET totals = excluded.totals, days = excluded.days, moved = excluded.moved, returned = excluded.returned;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.store_usage_v1 FROM PUBLIC;
