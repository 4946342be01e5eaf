-- Guards: what a profile's limits forbid, compiled so that the posting checks it in the statement that writes, and what
-- each wallet has moved, counted by the database from what is posted and held. Python decides and explains by the same
-- profile (`ledger/limits/rules.py`); here nothing is explained, and what breaks a limit is refused whole.

-- A direction and an operation as one number, the place of its bit in a mask: the operation's number, and 32 more where
-- money goes out.
CREATE FUNCTION ledger.limit_code(direction text, operation_number integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN operation_number + CASE direction WHEN 'out' THEN 32 ELSE 0 END;

-- The operations by their numbers: the place of each in the list. Checked against ledger.operation_number by a test.
CREATE FUNCTION ledger.operation_list() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['opening', 'load', 'cash_in', 'cash_out', 'pay', 'pay_remote', 'bill', 'p2p', 'disburse', 'float', 'fee',
    'exchange', 'refund', 'reversal', 'redeem_bank', 'redeem_cash', 'load_card', 'remit_in', 'p2p_registered',
    'cross_border', 'crypto', 'redeem_own_bank', 'dormancy', 'load_emoney'];

-- Between which kinds of accounts an operation moves money (`ledger/transfers/sides.py`, with which a test compares it): for
-- each kind, the codes by which it may be debited (out) and credited (in).
CREATE TABLE ledger.kind_operations (
    kind text PRIMARY KEY,
    codes bigint NOT NULL
);
INSERT INTO ledger.kind_operations (kind, codes) VALUES
    ('agent', 71494609754030078),
    ('customer', 70362078415581966),
    ('dormant', 70362009696105222),
    ('escheat', 34335411700396806),
    ('fees', 32086910413733606),
    ('in_transit', 73856420838764000),
    ('issued_unfunded', 73856420836142080),
    ('merchant', 71494609754030078),
    ('own_funds', 32086910413733606),
    ('safeguarding', 73856420836142080),
    ('suspense', 34339809749008358);

-- What an operator does, not the holder: to open an account with a balance carried over, and dormancy. Packs leave them out
-- of most rules, so rules on one transfer or the balance are checked at once for the other codes, and for these apart.
CREATE FUNCTION ledger.operators_codes() RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (1::bigint << 1) | (1::bigint << 23) | (1::bigint << 33) | (1::bigint << 55);

-- What a rule of a profile measures, as a mask of codes. What gives back is under no limit.
CREATE FUNCTION ledger.limit_mask_v1(direction text, operations jsonb) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(1::bigint << ledger.limit_code(d, o.number)), 0)::bigint
    FROM ledger.operation_number AS o, unnest(ARRAY['in', 'out']) AS d
    WHERE (limit_mask_v1.direction IS NULL OR limit_mask_v1.direction = d)
      AND o.operation NOT IN ('refund', 'reversal')
      AND (limit_mask_v1.operations = '[]' OR limit_mask_v1.operations ? o.operation)
$$;

-- What is counted for a profile's rules, in slots: slot k of a wallet's counters. measure: amount or number. mask: of
-- what. span: the window, beside the day, that the slot is kept for; 'day' for none. With each payee (per_payee), slots
-- of their own.
CREATE TABLE ledger.limit_counter (
    profile_id uuid NOT NULL,
    per_payee boolean NOT NULL,
    slot smallint NOT NULL,
    measure text NOT NULL CHECK (measure IN ('amount', 'number')),
    mask bigint NOT NULL,
    span text NOT NULL,
    PRIMARY KEY (profile_id, per_payee, slot)
);

-- The rules of a profile that measure something. most: minor units or transfers, -1 where the number is not known, which
-- allows nothing; null where the text lets it pass until the day ends. slot: what a flow or count rule
-- measures, of the day alone where span is 'day'. apart: not in the columns of ledger.guard. A rule without a beginning or an end has days before and after all on which anything counts.
CREATE TABLE ledger.limit_rule (
    profile_id uuid NOT NULL,
    number smallint NOT NULL,
    id text NOT NULL,
    metric text NOT NULL,
    scope text NOT NULL,
    mask bigint NOT NULL,
    most bigint,
    slot smallint,
    span text,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    after_months smallint,
    apart boolean NOT NULL,
    PRIMARY KEY (profile_id, number)
);

-- A profile's rules while none of them begins or ends, as the statement that writes the accounts checks them: of what
-- the wallet holds and moves itself. Arrays go by slot. Where nothing is limited, null. apart_codes:
-- of what more is asked (ledger.check_apart_v1). The row of no profile limits nothing.
CREATE TABLE ledger.guard (
    profile_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    time_zone text NOT NULL,
    fiscal_year_starts smallint NOT NULL,
    slots smallint NOT NULL,
    masks bigint[] NOT NULL,
    numbers boolean[] NOT NULL,
    spans text[] NOT NULL,
    day_most bigint[] NOT NULL,
    span_most bigint[] NOT NULL,
    balance_most bigint,
    single_in_most bigint,
    single_out_most bigint,
    payee_masks bigint[] NOT NULL,
    payee_numbers boolean[] NOT NULL,
    apart_codes bigint NOT NULL,
    PRIMARY KEY (profile_id, ends_at)
);
INSERT INTO ledger.guard VALUES ('00000000-0000-0000-0000-000000000000', '1899-12-01', '9000-02-01', 'UTC', 1, 0, '{}', '{}',
    '{}', '{}', '{}', NULL, NULL, NULL, '{}', '{}', 0);

-- What a wallet moved on a day that is over, by slot; and with one payee (other_id), on any day. Today's stands in
-- ledger.account.
CREATE TABLE ledger.usage_day (
    account_id uuid NOT NULL,
    other_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    day date NOT NULL,
    moved bigint[] NOT NULL,
    PRIMARY KEY (account_id, other_id, day)
) WITH (fillfactor = 80);

CREATE FUNCTION ledger.compile_profile_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    every_in constant bigint := ledger.limit_mask_v1('in', '[]') & ~ledger.operators_codes();
    every_out constant bigint := ledger.limit_mask_v1('out', '[]') & ~ledger.operators_codes();
BEGIN
    IF TG_RELID <> 'ledger.limit_profile'::regclass THEN
        RAISE EXCEPTION 'ledger: guards are compiled from ledger.limit_profile only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    INSERT INTO ledger.limit_rule (profile_id, number, id, metric, scope, mask, most, span, starts_on, ends_on,
        after_months, apart)
    SELECT NEW.id, r.number, r.rule ->> 'id', r.rule ->> 'metric', r.rule ->> 'scope', m.mask,
        CASE WHEN r.rule ->> 'on_exceed' <> 'allow_until_end_of_day' THEN coalesce((r.rule ->> 'amount')::bigint, -1) END,
        r.rule ->> 'window',
        coalesce((r.rule ->> 'valid_from')::date, '1899-12-01'), coalesce((r.rule ->> 'valid_to')::date, '9000-02-01'),
        (r.rule ->> 'after_months')::smallint,
        (r.rule ->> 'after_months') IS NOT NULL
            OR CASE r.rule ->> 'metric'
               WHEN 'balance' THEN r.rule ->> 'scope' <> 'wallet' OR m.mask & ~ledger.operators_codes() <> every_in
               WHEN 'single' THEN m.mask & ~ledger.operators_codes() NOT IN (every_in, every_out, every_in | every_out)
               ELSE r.rule ->> 'scope' <> 'wallet' END
    FROM jsonb_array_elements(NEW.rules) WITH ORDINALITY AS r (rule, number),
        LATERAL (SELECT ledger.limit_mask_v1(
            CASE r.rule ->> 'metric' WHEN 'balance' THEN 'in' ELSE r.rule ->> 'direction' END,
            r.rule -> 'operations') AS mask) AS m
    WHERE r.rule ->> 'bound' <> 'none';

    -- of rules over the same, one slot for each window but the day, which any of them has
    INSERT INTO ledger.limit_counter (profile_id, per_payee, slot, measure, mask, span)
    SELECT NEW.id, per_payee, row_number() OVER (PARTITION BY per_payee ORDER BY measure, mask, span COLLATE "C"), measure, mask, span
    FROM (
        SELECT DISTINCT scope = 'payee' AS per_payee, CASE metric WHEN 'count' THEN 'number' ELSE 'amount' END AS measure,
            mask, span, bool_or(span <> 'day') OVER (PARTITION BY scope = 'payee', metric, mask) AS longer
        FROM ledger.limit_rule WHERE profile_id = NEW.id AND metric IN ('flow', 'count')
    ) AS asked
    WHERE span <> 'day' OR NOT longer;

    UPDATE ledger.limit_rule AS r
    SET slot = (
        SELECT min(c.slot) FROM ledger.limit_counter AS c
        WHERE c.profile_id = NEW.id AND c.per_payee = (r.scope = 'payee') AND c.mask = r.mask
          AND c.measure = CASE r.metric WHEN 'count' THEN 'number' ELSE 'amount' END AND (c.span = r.span OR r.span = 'day')
    )
    WHERE r.profile_id = NEW.id AND r.metric IN ('flow', 'count');

    INSERT INTO ledger.guard
    SELECT NEW.id, p.starts_on::timestamp AT TIME ZONE NEW.time_zone, p.ends_on::timestamp AT TIME ZONE NEW.time_zone,
        NEW.time_zone, NEW.fiscal_year_starts, cardinality(c.masks), c.masks, c.numbers, c.spans, l.day_most, l.span_most,
        (SELECT min(most) FROM ledger.limit_rule AS r
         WHERE r.profile_id = NEW.id AND NOT apart AND metric = 'balance' AND r.starts_on <= p.starts_on AND r.ends_on > p.starts_on),
        (SELECT min(most) FROM ledger.limit_rule AS r
         WHERE r.profile_id = NEW.id AND NOT apart AND metric = 'single' AND mask & every_in = every_in
           AND r.starts_on <= p.starts_on AND r.ends_on > p.starts_on),
        (SELECT min(most) FROM ledger.limit_rule AS r
         WHERE r.profile_id = NEW.id AND NOT apart AND metric = 'single' AND mask & every_out = every_out
           AND r.starts_on <= p.starts_on AND r.ends_on > p.starts_on),
        y.masks, y.numbers,
        (SELECT coalesce(bit_or(
                CASE WHEN apart THEN mask WHEN metric IN ('single', 'balance') THEN mask & ledger.operators_codes() ELSE 0 END
            ), 0) FROM ledger.limit_rule AS r
         WHERE r.profile_id = NEW.id AND r.starts_on <= p.starts_on AND r.ends_on > p.starts_on)
    FROM (
        SELECT day AS starts_on, lead(day, 1, '9000-02-01') OVER (ORDER BY day) AS ends_on
        FROM (
            SELECT '1899-12-01'::date AS day
            UNION SELECT starts_on FROM ledger.limit_rule WHERE profile_id = NEW.id
            UNION SELECT ends_on FROM ledger.limit_rule WHERE profile_id = NEW.id AND ends_on < '9000-02-01'
        ) AS days
    ) AS p
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(mask ORDER BY slot), '{}') AS masks,
            coalesce(array_agg(measure = 'number' ORDER BY slot), '{}') AS numbers,
            coalesce(array_agg(span ORDER BY slot), '{}') AS spans
        FROM ledger.limit_counter WHERE profile_id = NEW.id AND NOT per_payee
    ) AS c
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(mask ORDER BY slot), '{}') AS masks,
            coalesce(array_agg(measure = 'number' ORDER BY slot), '{}') AS numbers
        FROM ledger.limit_counter WHERE profile_id = NEW.id AND per_payee
    ) AS y
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg((
                SELECT min(most) FROM ledger.limit_rule AS r
                WHERE r.profile_id = NEW.id AND NOT apart AND r.slot = k.slot AND r.span = 'day'
                  AND r.starts_on <= p.starts_on AND r.ends_on > p.starts_on
            ) ORDER BY k.slot), '{}') AS day_most,
            coalesce(array_agg((
                SELECT min(most) FROM ledger.limit_rule AS r
                WHERE r.profile_id = NEW.id AND NOT apart AND r.slot = k.slot AND r.span <> 'day'
                  AND r.starts_on <= p.starts_on AND r.ends_on > p.starts_on
            ) ORDER BY k.slot), '{}') AS span_most
        FROM ledger.limit_counter AS k WHERE k.profile_id = NEW.id AND NOT k.per_payee
    ) AS l;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.compile_profile_v1() FROM PUBLIC;

CREATE TRIGGER compile AFTER INSERT ON ledger.limit_profile FOR EACH ROW EXECUTE FUNCTION ledger.compile_profile_v1();

-- The first and the last day of the window that a day lies in, or ends. As ledger/limits/windows.py has it.
CREATE FUNCTION ledger.window_first(span text, day date, fiscal_year_starts integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE span
    WHEN 'day' THEN day
    WHEN 'calendar_month' THEN date_trunc('month', day::timestamp)::date
    WHEN 'calendar_year' THEN date_trunc('year', day::timestamp)::date
    WHEN 'fiscal_year' THEN (date_trunc('year', day::timestamp - make_interval(months => fiscal_year_starts - 1))
        + make_interval(months => fiscal_year_starts - 1))::date
    WHEN 'rolling_30d' THEN day - 29
    WHEN 'rolling_12m' THEN (day - interval '12 months')::date + 1
    WHEN 'lifetime' THEN '-infinity'
END;
CREATE FUNCTION ledger.window_last(span text, day date, fiscal_year_starts integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE span
    WHEN 'calendar_month' THEN (ledger.window_first(span, day, fiscal_year_starts) + interval '1 month')::date - 1
    WHEN 'calendar_year' THEN (ledger.window_first(span, day, fiscal_year_starts) + interval '1 year')::date - 1
    WHEN 'fiscal_year' THEN (ledger.window_first(span, day, fiscal_year_starts) + interval '1 year')::date - 1
    WHEN 'lifetime' THEN 'infinity'
    ELSE day
END;

CREATE FUNCTION ledger.refuse_limit_v1(account_id uuid, what text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'ledger: account % would pass a limit of its profile (%)', account_id, what
        USING ERRCODE = 'check_violation', CONSTRAINT = 'account_limits';
END
$$;

-- A wallet's counters as they are on a day no earlier than the one they stand at: by slot what it moved on that day,
-- then by slot what it moved in the slot's window before that day.
CREATE FUNCTION ledger.counters_on_v1(account_id uuid, counted_on date, counters bigint[], guard ledger.guard, day date)
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    slots constant integer := guard.slots;
    made bigint[];
    first date;
BEGIN
    IF counters IS NULL THEN
        RETURN array_fill(0::bigint, ARRAY[2 * slots]);
    ELSIF counted_on >= day THEN
        RETURN counters;
    END IF;
    made := array_fill(0::bigint, ARRAY[2 * slots]);
    FOR slot IN 1 .. slots LOOP
        first := ledger.window_first(guard.spans[slot], day, guard.fiscal_year_starts);
        IF guard.spans[slot] IN ('rolling_30d', 'rolling_12m') THEN
            made[slots + slot] := coalesce((
                SELECT sum(u.moved[slot]) FROM ledger.usage_day AS u
                WHERE u.account_id = counters_on_v1.account_id AND u.other_id = '00000000-0000-0000-0000-000000000000'
                  AND u.day BETWEEN first AND counters_on_v1.counted_on - 1
            ), 0) + CASE WHEN counted_on >= first THEN counters[slot] ELSE 0 END;
        ELSIF counted_on >= first THEN
            made[slots + slot] := counters[slot] + counters[slots + slot];
        END IF;
    END LOOP;
    RETURN made;
END
$$;

-- The counters after what a batch adds on a day; refused where that passes a limit. Of what goes out and comes in: the
-- codes as a mask, the sum and the number, and one by one where only some of the codes count in a slot. Sets no search path of its own, which takes longer than to count:
-- the posting function, which alone calls it, has one.
CREATE FUNCTION ledger.counted_v1(
    account_id uuid, counted_on date, counters bigint[], guard ledger.guard, day date, out_mask bigint, out_amount bigint,
    out_number bigint, in_mask bigint, in_amount bigint, in_number bigint, codes integer[], amounts bigint[]
) RETURNS bigint[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    slots constant integer := guard.slots;
    made bigint[] := counters;
    mask bigint;
    added bigint;
BEGIN
    IF counters IS NULL OR counted_on < day THEN
        made := ledger.counters_on_v1(account_id, counted_on, counters, guard, day);
    END IF;
    FOR slot IN 1 .. slots LOOP
        mask := guard.masks[slot];
        IF mask & (out_mask | in_mask) = 0 THEN
            CONTINUE;
        ELSIF mask & out_mask IN (0, out_mask) AND mask & in_mask IN (0, in_mask) THEN  -- all of a direction, or none
            added := CASE WHEN mask & out_mask = 0 THEN 0 WHEN guard.numbers[slot] THEN out_number ELSE out_amount END
                + CASE WHEN mask & in_mask = 0 THEN 0 WHEN guard.numbers[slot] THEN in_number ELSE in_amount END;
        ELSE
            SELECT sum(CASE WHEN guard.numbers[slot] THEN 1 ELSE m.amount END) INTO added
            FROM unnest(codes, amounts) AS m (code, amount) WHERE (mask >> m.code) & 1 = 1;
        END IF;
        made[slot] := made[slot] + added;
        IF made[slot] > guard.day_most[slot] OR made[slot] + made[slots + slot] > guard.span_most[slot] THEN
            PERFORM ledger.refuse_limit_v1(account_id, 'of what it moves in a ' || guard.spans[slot]);
        END IF;
    END LOOP;
    RETURN made;
END
$$;

-- What a wallet moved by a slot: on `day`, or in the span that `day` lies in or ends.
CREATE FUNCTION ledger.used_v1(account ledger.account, slot integer, span text, fiscal_year_starts integer, day date)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first constant date := ledger.window_first(span, day, fiscal_year_starts);
    last constant date := ledger.window_last(span, day, fiscal_year_starts);
BEGIN
    IF account.counters IS NULL THEN
        RETURN 0;
    END IF;
    RETURN coalesce((
        SELECT sum(u.moved[slot]) FROM ledger.usage_day AS u
        WHERE u.account_id = account.id AND u.other_id = '00000000-0000-0000-0000-000000000000'
          AND u.day BETWEEN first AND last
    ), 0) + CASE WHEN account.counted_on BETWEEN first AND last THEN account.counters[slot] ELSE 0 END;
END
$$;

-- What an account is never without, whoever writes it: no sum below nothing, no balance below its floor, what holds keep
-- counted, or above its ceiling. And a day that is over goes from the account to the days before.
CREATE FUNCTION ledger.keep_account_v1() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    balance constant bigint := NEW.sign * (NEW.debits_posted - NEW.credits_posted);
BEGIN
    IF balance - (CASE NEW.sign WHEN 1 THEN NEW.credits_pending ELSE NEW.debits_pending END) < NEW.floor THEN
        RAISE EXCEPTION 'ledger: account % would have less than its floor (account_floor)', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_floor';
    ELSIF balance > NEW.ceiling THEN
        RAISE EXCEPTION 'ledger: account % would have more than its ceiling (account_ceiling)', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_ceiling';
    ELSIF least(NEW.debits_posted, NEW.credits_posted, NEW.debits_pending, NEW.credits_pending, NEW.version) < 0 THEN
        RAISE EXCEPTION 'ledger: account % would have a sum below nothing', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_sums';
    END IF;
    IF OLD.counted_on < NEW.counted_on AND OLD.profile_id = NEW.profile_id THEN
        PERFORM ledger.end_usage_day_v1(OLD);
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION ledger.end_usage_day_v1(account ledger.account) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved constant bigint[] := account.counters[1 : cardinality(account.counters) / 2];
BEGIN
    IF 0 <> ANY (moved) THEN
        INSERT INTO ledger.usage_day (account_id, day, moved) VALUES (account.id, account.counted_on, moved);
    END IF;
END
$$;

REVOKE EXECUTE ON FUNCTION ledger.keep_account_v1, ledger.end_usage_day_v1 FROM PUBLIC;

CREATE TRIGGER keep_account BEFORE INSERT OR UPDATE ON ledger.account
    FOR EACH ROW EXECUTE FUNCTION ledger.keep_account_v1();

-- What passes the rules that stand apart: of a holder's wallets together, of one payee, of some operations only, or
-- from an age of the wallet on; and, of what the statement that writes the accounts does not ask about, all rules on one
-- transfer or the balance. Of one side that is counted already. asked_of: a transfer ('posted'), one that counts on
-- another day ('late'), a hold ('placed'), or what captures one, which its placing was asked about, but for the balance
-- ('captured'). after: the balance that the account reaches by it. A holder's other wallets are locked first, in the
-- order of their ids.
CREATE FUNCTION ledger.check_apart_v1(
    asked_account uuid, other uuid, code integer, amount bigint, after bigint, counts_at timestamptz, asked_of text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account ledger.account;
    profile ledger.limit_profile;
    counter ledger.limit_counter;
    on_day date;
    rule ledger.limit_rule;
    used bigint;
BEGIN
    SELECT * INTO account FROM ledger.account WHERE id = asked_account;
    SELECT * INTO profile FROM ledger.limit_profile WHERE id = account.profile_id;
    on_day := (counts_at AT TIME ZONE profile.time_zone)::date;
    FOR rule IN
        SELECT * FROM ledger.limit_rule AS r
        WHERE r.profile_id = account.profile_id AND (r.mask >> code) & 1 = 1
          AND (r.apart OR (r.metric IN ('single', 'balance')
               AND (asked_of IN ('late', 'placed') OR (ledger.operators_codes() >> code) & 1 = 1)))
          AND r.starts_on <= on_day AND r.ends_on > on_day AND (asked_of <> 'captured' OR r.metric = 'balance')
          AND (r.after_months IS NULL OR on_day >= (
              (account.opened_at AT TIME ZONE profile.time_zone)::date + make_interval(months => r.after_months))::date)
        ORDER BY r.number
    LOOP
        IF rule.scope = 'person' AND account.holder IS NOT NULL THEN
            PERFORM FROM ledger.account AS a
            WHERE a.holder = account.holder AND a.currency = account.currency ORDER BY a.id FOR NO KEY UPDATE;
        END IF;
        IF rule.metric = 'single' THEN
            used := amount;
        ELSIF rule.metric = 'balance' THEN
            SELECT CASE WHEN rule.scope = 'person' AND asked_of <> 'placed'
                        THEN account.sign * (account.debits_posted - account.credits_posted) ELSE after END
                + coalesce(sum(s.sign * (s.debits_posted - s.credits_posted)), 0)
            INTO used FROM ledger.siblings_v1(account, rule.scope) AS s;
        ELSIF rule.scope = 'payee' THEN
            SELECT coalesce(sum(u.moved[rule.slot]), 0) INTO used FROM ledger.usage_day AS u
            WHERE u.account_id = account.id AND u.other_id = other
              AND u.day BETWEEN ledger.window_first(rule.span, on_day, profile.fiscal_year_starts)
                            AND ledger.window_last(rule.span, on_day, profile.fiscal_year_starts);
        ELSE
            SELECT * INTO counter FROM ledger.limit_counter AS c
            WHERE c.profile_id = account.profile_id AND NOT c.per_payee AND c.slot = rule.slot;
            SELECT ledger.used_v1(account, rule.slot, rule.span, profile.fiscal_year_starts, on_day)
                + coalesce(sum(ledger.used_v1(s, c.slot, rule.span, profile.fiscal_year_starts, on_day)), 0)
            INTO used
            FROM ledger.siblings_v1(account, rule.scope) AS s
            JOIN ledger.limit_counter AS c
                ON c.profile_id = s.profile_id AND NOT c.per_payee AND (c.measure, c.mask, c.span) = (counter.measure, counter.mask, counter.span);
        END IF;
        IF used > rule.most THEN
            PERFORM ledger.refuse_limit_v1(account.id, rule.id);
        END IF;
    END LOOP;
END
$$;

-- The other wallets of a holder that share limits of a person; none for a rule of the wallet alone.
CREATE FUNCTION ledger.siblings_v1(account ledger.account, scope text) RETURNS SETOF ledger.account
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.* FROM ledger.account AS a
    WHERE siblings_v1.scope = 'person' AND a.holder = siblings_v1.account.holder
      AND a.currency = siblings_v1.account.currency AND a.id <> siblings_v1.account.id
      AND EXISTS (SELECT FROM ledger.limit_rule AS r WHERE r.profile_id = a.profile_id AND r.scope = 'person')
$$;

-- By slot; nothing is counted below zero.
CREATE FUNCTION ledger.sums(one bigint[], other bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT array_agg(greatest(a + b, 0) ORDER BY place) FROM unnest(one, other) WITH ORDINALITY AS x (a, b, place));

-- Count, for one side, an amount that moved with `other` by `code` at a moment, which may lie on a day that is over; with
-- negative numbers, give it back, of which number is null where the thing still counts as one.
-- The account is locked. Its limits are checked where something is added, at that moment's day and window and at those
-- that the account stands in; after and asked_of as ledger.check_apart_v1 has them.
CREATE FUNCTION ledger.count_v1(
    counted_account uuid, other uuid, code integer, amount bigint, number bigint, counts_at timestamptz,
    after bigint DEFAULT NULL, asked_of text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account ledger.account;
    guard ledger.guard;
    today date;
    added bigint[];
    made bigint[];
BEGIN
    SELECT * INTO account FROM ledger.account WHERE id = counted_account;
    IF account.profile_id IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT guard FROM ledger.guard AS g
    WHERE g.profile_id = account.profile_id AND g.ends_at > counts_at AND g.starts_at <= counts_at;
    today := (counts_at AT TIME ZONE guard.time_zone)::date;

    IF guard.slots > 0 THEN
        SELECT array_agg(CASE WHEN (guard.masks[k] >> code) & 1 = 0 THEN 0 WHEN guard.numbers[k] THEN number ELSE amount END
                         ORDER BY k)
        INTO added FROM generate_series(1, guard.slots) AS k;
        made := ledger.counters_on_v1(account.id, account.counted_on, account.counters, guard, today);
        IF account.counted_on > today THEN
            IF amount > 0 THEN
                INSERT INTO ledger.usage_day AS u (account_id, day, moved) VALUES (account.id, today, added)
                ON CONFLICT ON CONSTRAINT usage_day_pkey DO UPDATE SET moved = ledger.sums(u.moved, excluded.moved);
            ELSE
                UPDATE ledger.usage_day AS u SET moved = ledger.sums(u.moved, added)
                WHERE u.account_id = account.id AND u.other_id = '00000000-0000-0000-0000-000000000000' AND u.day = today;
            END IF;
            FOR slot IN 1 .. guard.slots LOOP
                IF today >= ledger.window_first(guard.spans[slot], account.counted_on, guard.fiscal_year_starts) THEN
                    made[guard.slots + slot] := greatest(made[guard.slots + slot] + added[slot], 0);
                END IF;
            END LOOP;
        ELSE
            FOR slot IN 1 .. guard.slots LOOP
                made[slot] := greatest(made[slot] + added[slot], 0);
            END LOOP;
        END IF;
        UPDATE ledger.account AS a SET counters = made, counted_on = greatest(a.counted_on, today)
        WHERE a.id = counted_account RETURNING a.* INTO account;
        FOR slot IN 1 .. guard.slots LOOP
            IF added[slot] > 0 AND (
                ledger.used_v1(account, slot, 'day', guard.fiscal_year_starts, today) > guard.day_most[slot]
                OR ledger.used_v1(account, slot, guard.spans[slot], guard.fiscal_year_starts, today) > guard.span_most[slot]
            ) THEN
                PERFORM ledger.refuse_limit_v1(account.id, 'of what it moves in a ' || guard.spans[slot]);
            END IF;
        END LOOP;
    END IF;

    PERFORM ledger.count_payee_v1(account.id, other, guard, code, amount, number, counts_at);

    IF amount > 0 THEN
        PERFORM ledger.check_apart_v1(account.id, other, code, amount, after, counts_at, asked_of);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.count_v1 FROM PUBLIC;

-- What the statement that writes a batch's accounts leaves out, of one side of a transfer: see ledger.post_entries_v1.
CREATE FUNCTION ledger.count_apart_v1(
    counted_account uuid, other uuid, code integer, amount bigint, after bigint, counts_at timestamptz, late boolean,
    captured boolean
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard ledger.guard;
BEGIN
    SELECT g.* INTO guard FROM ledger.account AS a JOIN ledger.guard AS g ON g.profile_id = a.profile_id
    WHERE a.id = counted_account AND g.ends_at > counts_at AND g.starts_at <= counts_at;
    IF guard.profile_id IS NULL THEN
        RETURN;
    ELSIF late AND NOT captured THEN
        PERFORM ledger.count_v1(counted_account, other, code, amount, 1, counts_at, after, 'late');
        RETURN;
    END IF;
    IF NOT captured THEN
        PERFORM ledger.count_payee_v1(counted_account, other, guard, code, amount, 1, counts_at);
    END IF;
    IF (guard.apart_codes >> code) & 1 = 1 THEN
        PERFORM ledger.check_apart_v1(counted_account, other, code, amount, after, counts_at,
            CASE WHEN captured THEN 'captured' ELSE 'posted' END);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.count_apart_v1 FROM PUBLIC;

-- Count what moves with one payee, where the profile measures that.
CREATE FUNCTION ledger.count_payee_v1(
    counted_account uuid, other uuid, guard ledger.guard, code integer, amount bigint, number bigint, counts_at timestamptz
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    added bigint[];
BEGIN
    SELECT array_agg(CASE WHEN (guard.payee_masks[k] >> code) & 1 = 0 THEN 0
                          WHEN guard.payee_numbers[k] THEN number ELSE amount END ORDER BY k)
    INTO added FROM generate_series(1, cardinality(guard.payee_masks)) AS k;
    IF 0 <> ANY (added) THEN
        INSERT INTO ledger.usage_day AS u (account_id, other_id, day, moved)
        VALUES (counted_account, other, (counts_at AT TIME ZONE guard.time_zone)::date, added)
        ON CONFLICT ON CONSTRAINT usage_day_pkey DO UPDATE SET moved = ledger.sums(u.moved, excluded.moved);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.count_payee_v1 FROM PUBLIC;
