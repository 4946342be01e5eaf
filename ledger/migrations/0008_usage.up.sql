-- What a wallet moved in a period: a month, a year, its lifetime. scope_id: the wallet, or the pair of a wallet and
-- one other account. totals: per direction and operation a cell of code (1 byte: the operation's number, plus 128
-- where money goes out), number of transfers (4) and amount (8), big-endian; days: the same with the day of the
-- month before it, latest day first. moved: all that was ever counted, returned: how much of it was given back.
ALTER TABLE ledger.usage RENAME TO usage_before;
ALTER TABLE ledger.usage_before RENAME CONSTRAINT usage_pkey TO usage_before_pkey;

CREATE TABLE ledger.usage (
    scope_id uuid NOT NULL,
    starts_on date NOT NULL,
    span text NOT NULL CHECK (span IN ('month', 'year', 'lifetime')),
    totals bytea NOT NULL CHECK (octet_length(totals) % 13 = 0),
    days bytea NOT NULL CHECK (octet_length(days) % 14 = 0),
    moved bigint NOT NULL CHECK (moved >= 0),
    returned bigint NOT NULL CHECK (returned BETWEEN 0 AND moved),
    PRIMARY KEY (scope_id, starts_on, span)
) WITH (fillfactor = 70);

-- The number by which a cell names an operation. Never changed, only added to.
CREATE TABLE ledger.operation_number (
    operation text PRIMARY KEY,
    number smallint NOT NULL UNIQUE CHECK (number BETWEEN 1 AND 127)
);
INSERT INTO ledger.operation_number (operation, number) VALUES
    ('opening', 1), ('load', 2), ('cash_in', 3), ('cash_out', 4), ('pay', 5), ('pay_remote', 6), ('bill', 7),
    ('p2p', 8), ('disburse', 9), ('float', 10), ('fee', 11), ('exchange', 12), ('refund', 13), ('reversal', 14),
    ('redeem_bank', 15), ('redeem_cash', 16), ('load_card', 17), ('remit_in', 18), ('p2p_registered', 19),
    ('cross_border', 20), ('crypto', 21), ('redeem_own_bank', 22);

-- The months of what was counted by windows, wallet by wallet.
INSERT INTO ledger.usage (scope_id, starts_on, span, totals, days, moved, returned)
WITH counted AS (
    SELECT u.account_id, date_trunc('month', u.starts_on)::date AS month, u.span,
           extract(day FROM u.starts_on)::integer AS day,
           n.number + CASE u.direction WHEN 'out' THEN 128 ELSE 0 END AS code,
           u.amount - u.returned_amount AS amount, u.count - u.returned_count AS count,
           u.amount AS moved, u.returned_amount AS returned
    FROM ledger.usage_before AS u JOIN ledger.operation_number AS n USING (operation)
), whole AS (
    SELECT account_id, month, code,
           CASE WHEN bool_or(span = 'calendar_month') THEN 'calendar_month' ELSE 'day' END AS span
    FROM counted GROUP BY account_id, month, code
), total AS (
    SELECT c.account_id, c.month, c.code, sum(c.amount)::bigint AS amount, sum(c.count)::bigint AS count,
           sum(c.moved)::bigint AS moved, sum(c.returned)::bigint AS returned
    FROM counted AS c JOIN whole AS w USING (account_id, month, code, span)
    GROUP BY c.account_id, c.month, c.code
), daily AS (
    SELECT account_id, month,
           string_agg(decode(lpad(to_hex(day), 2, '0') || lpad(to_hex(code), 2, '0'), 'hex')
                      || int4send(count::integer) || int8send(amount), ''::bytea ORDER BY day DESC, code) AS days
    FROM counted WHERE span = 'day' GROUP BY account_id, month
)
SELECT t.account_id, t.month, 'month',
       string_agg(decode(lpad(to_hex(t.code), 2, '0'), 'hex') || int4send(t.count::integer) || int8send(t.amount),
                  ''::bytea ORDER BY t.code),
       coalesce(d.days, ''::bytea), sum(t.moved), sum(t.returned)
FROM total AS t LEFT JOIN daily AS d USING (account_id, month)
GROUP BY t.account_id, t.month, d.days;

DROP TABLE ledger.usage_before;

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

-- What was ever counted only grows: sums that shrank would open a limit again.
CREATE TRIGGER only_grows BEFORE UPDATE ON ledger.usage FOR EACH ROW
    WHEN (NEW.moved < OLD.moved OR NEW.returned < OLD.returned)
    EXECUTE FUNCTION ledger.refuse_decrease();

-- Store the rows of one period. Found by the whole key only: a plan made while the table was small, and kept for as
-- long as the connection, must not go through all wallets of the period, as one that knew the period beforehand would.
CREATE FUNCTION ledger.write_usage_v1(
    is_new boolean, period_starts_on date, period_span text, scopes uuid[], new_totals text[], new_days text[],
    new_moved bigint[], new_returned bigint[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
BEGIN
    IF is_new THEN
        INSERT INTO ledger.usage (scope_id, starts_on, span, totals, days, moved, returned)
        SELECT n.scope_id, period_starts_on, period_span, decode(n.totals, 'hex'), decode(n.days, 'hex'), n.moved, n.returned
        FROM unnest(scopes, new_totals, new_days, new_moved, new_returned)
            AS n (scope_id, totals, days, moved, returned);
    ELSE
        WITH n AS MATERIALIZED (
            SELECT sent.*, period_starts_on AS starts_on, period_span AS span
            FROM unnest(scopes, new_totals, new_days, new_moved, new_returned)
                AS sent (scope_id, totals, days, moved, returned)
        )
        UPDATE ledger.usage AS u
        SET totals = decode(n.totals, 'hex'), days = decode(n.days, 'hex'), moved = n.moved, returned = n.returned
        FROM n
        WHERE u.scope_id = n.scope_id AND u.starts_on = n.starts_on AND u.span = n.span;
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_usage_v1(boolean, date, text, uuid[], text[], text[], bigint[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.write_usage_v1(boolean, date, text, uuid[], text[], text[], bigint[], bigint[]) TO emoney_app;

GRANT SELECT ON ledger.usage, ledger.usage_cell, ledger.operation_number TO emoney_app;
GRANT INSERT ON ledger.usage TO emoney_app;
GRANT UPDATE (totals, days, moved, returned) ON ledger.usage TO emoney_app;

-- A profile also counts by payee, and knows when a fiscal year starts.
ALTER TABLE ledger.limit_profile
    ADD COLUMN counted_per_payee jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN fiscal_year_starts smallint NOT NULL DEFAULT 1 CHECK (fiscal_year_starts BETWEEN 1 AND 12);

-- What an account is, checked when that is said, and not at each posting, which changes only what it holds: its kind
-- stands on the chart, with the sign and the floor of that kind; its profile is of its currency, for limits count
-- minor units. Profiles are never removed or changed, so nothing is to be watched on their side.
ALTER TABLE ledger.account DROP CONSTRAINT account_chart, DROP CONSTRAINT account_profile;

CREATE FUNCTION ledger.check_account_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.kind NOT IN ('safeguarding', 'in_transit', 'issued_unfunded', 'customer', 'merchant', 'agent', 'suspense',
                        'fees', 'dormant', 'escheat', 'own_funds')
        OR NEW.sign <> (CASE WHEN NEW.kind IN ('safeguarding', 'in_transit', 'issued_unfunded') THEN 1 ELSE -1 END)
        OR coalesce(NEW.floor, CASE WHEN NEW.kind IN ('in_transit', 'own_funds') THEN 0 ELSE -1 END) < 0
    THEN
        RAISE EXCEPTION 'ledger: an account of kind % with sign % and floor % is not on the chart of accounts',
            NEW.kind, NEW.sign, NEW.floor USING ERRCODE = 'check_violation', CONSTRAINT = 'account_chart';
    END IF;
    IF NEW.profile_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM ledger.limit_profile AS p WHERE p.id = NEW.profile_id AND p.currency = NEW.currency)
    THEN
        RAISE EXCEPTION 'ledger: there is no limit profile % for accounts in %', NEW.profile_id, NEW.currency
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'account_profile';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_account AFTER INSERT OR UPDATE OF kind, sign, floor, currency, profile_id ON ledger.account
    FOR EACH ROW EXECUTE FUNCTION ledger.check_account_v1();

-- More ways to issue e-money, each against a receipt.
ALTER TABLE ledger.transfer DROP CONSTRAINT issue_needs_receipt;
ALTER TABLE ledger.transfer ADD CONSTRAINT issue_needs_receipt CHECK (
    reference IS NOT NULL OR operation NOT IN ('opening', 'load', 'load_card', 'remit_in')
);

-- Posting, as in version 1, in one pass: what an account's entries add up to, whether each balance follows from the
-- one before it and the first from the account's own, and the move of the account, in one statement.
CREATE FUNCTION ledger.post_entries_v2() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    touched bigint;
    updated bigint;
    wrong text;
BEGIN
    IF TG_RELID <> 'ledger.transfer'::regclass THEN
        RAISE EXCEPTION 'ledger: transfers are posted from ledger.transfer only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    INSERT INTO ledger.entry (account_id, version, transfer_id, amount, balance_after, posted_at, direction)
    SELECT debit_account, debit_version, id, amount, debit_balance, posted_at, 1 FROM posted
    UNION ALL
    SELECT credit_account, credit_version, id, amount, credit_balance, posted_at, -1 FROM posted;

    WITH side AS (
        SELECT debit_account AS account_id, debit_version AS version, amount AS debit, 0::bigint AS credit,
               debit_balance AS after, currency COLLATE "C" AS currency, posted_at FROM posted
        UNION ALL
        SELECT credit_account, credit_version, 0, amount, credit_balance, currency, posted_at FROM posted
    ), stepped AS (
        SELECT account_id, version, debit, credit, after, currency, posted_at,
               lag(after) OVER (PARTITION BY account_id ORDER BY version) AS before
        FROM side
    ), total AS (
        SELECT account_id, count(*) AS entries, min(version) AS first, max(version) AS last,
               sum(debit)::bigint AS debits, sum(credit)::bigint AS credits,
               min(currency) AS currency, max(currency) AS other_currency,
               min(posted_at) AS first_posted_at, max(posted_at) AS last_posted_at,
               max(after) FILTER (WHERE before IS NULL) AS first_after,
               max(debit - credit) FILTER (WHERE before IS NULL) AS first_change,
               coalesce(bool_and(before + debit - credit = after), true) AS debits_raise,
               coalesce(bool_and(before + credit - debit = after), true) AS credits_raise
        FROM stepped GROUP BY account_id
    ), moved AS (
        UPDATE ledger.account AS a
        SET debits_posted = a.debits_posted + t.debits,
            credits_posted = a.credits_posted + t.credits,
            version = t.last,
            last_posted_at = t.last_posted_at
        FROM total AS t
        WHERE a.id = t.account_id
          AND t.first = a.version + 1 AND t.last - t.first + 1 = t.entries
          AND a.currency = t.currency AND t.currency = t.other_currency
          AND t.first_posted_at >= coalesce(a.last_posted_at, '-infinity')
          AND a.closed_at IS NULL
          AND NOT (a.frozen_debit AND t.debits > 0) AND NOT (a.frozen_credit AND t.credits > 0)
          AND a.sign * (a.debits_posted - a.credits_posted + t.first_change) = t.first_after
          AND CASE a.sign WHEN 1 THEN t.debits_raise ELSE t.credits_raise END
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM total) INTO updated, touched;
    IF updated <> touched THEN
        RAISE EXCEPTION 'ledger: % of % accounts are unknown, closed, frozen, of another currency, ahead in time, or their versions or balances do not follow from their transfers',
            touched - updated, touched USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- What raises an asset and a liability at once issues value, whatever the operation is called.
    IF EXISTS (SELECT FROM posted WHERE reference IS NULL) THEN
        SELECT min(p.id::text) INTO wrong FROM posted AS p
        JOIN ledger.account AS d ON d.id = p.debit_account
        JOIN ledger.account AS c ON c.id = p.credit_account
        WHERE p.reference IS NULL AND d.sign = 1 AND c.sign = -1;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION 'ledger: transfer % issues e-money and names no receipt', wrong
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.post_entries_v2() FROM PUBLIC;

DROP TRIGGER post_entries ON ledger.transfer;
CREATE TRIGGER post_entries AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.post_entries_v2();
DROP FUNCTION ledger.post_entries_v1();
