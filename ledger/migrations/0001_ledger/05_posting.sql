-- Posting: the functions by which the application reads accounts and writes what it decided, and what they check.

CREATE TYPE ledger.decided_row AS (
    id uuid, debit_account uuid, credit_account uuid, amount bigint, debit_version bigint, debit_balance bigint,
    credit_version bigint, credit_balance bigint, currency text, operation text, reference text, group_id uuid,
    effective_at timestamptz
);

-- What a batch's transfers leave an account: its entries' first and last version and how many they are, their sums, of
-- what currencies they are, the balance after the first and what that one changed by, debits counted up; whether each
-- balance follows from the one before, on an account whose balance debits raise, and credits; and what limits ask of what
-- counts on the day of posting: the highest balance that a credit reached and the largest debit and credit, but for what
-- gives back and what the operator does (ledger.operators_codes); out and in, the codes as a mask, the sum and the
-- number; and codes and amounts one by one. all_codes: the codes of all of them.
CREATE TYPE ledger.account_total AS (
    account_id uuid, first bigint, last bigint, entries bigint, debits bigint, credits bigint, currency text,
    other_currency text, first_after bigint, first_change bigint,
    debits_raise boolean, credits_raise boolean, peak bigint, largest_out bigint, largest_in bigint,
    out_mask bigint, out_amount bigint, out_number bigint, in_mask bigint, in_amount bigint, in_number bigint,
    codes integer[], amounts bigint[], all_codes bigint
);

CREATE FUNCTION ledger.refuse_accounts_v1(wrong bigint, accounts bigint) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'ledger: % of % accounts are unknown, of kinds that the operation does not move money between, closed, frozen, of another currency, ahead in time, beyond a limit, or their versions or balances do not follow from their transfers',
        wrong, accounts USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE FUNCTION ledger.refuse_content_v1(transfer_id uuid) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'ledger: transfer % moves no amount, has one account on both sides, names no receipt for what it issues, or a reference that is not of 1 to 128 signs', transfer_id
        USING ERRCODE = 'check_violation';
END
$$;

-- An account as one transfer finds it, and locks it. moves: whether it is of the currency, and may be moved by the code.
-- limited: whether what it holds or moves may stop a credit.
CREATE TYPE ledger.side AS (
    written_by xid, sign smallint, version bigint, balance bigint, moves boolean, limited boolean, last_posted_at timestamptz,
    counted_on date, counters bigint[], guard ledger.guard
);

-- In functions that post single transfers, expressions are short and few: PostgreSQL makes each ready anew in every
-- transaction, which takes longer than to evaluate it.
CREATE FUNCTION ledger.lock_side_v1(locked_account uuid, code integer, of_currency text, at timestamptz) RETURNS ledger.side
LANGUAGE plpgsql
AS $$
DECLARE
    side ledger.side;
BEGIN
    SELECT a.xmin, a.sign, a.version, a.sign * (a.debits_posted - a.credits_posted),
        (k.codes >> code) & 1 = 1 AND a.currency = of_currency AND a.closed_at IS NULL
            AND NOT CASE WHEN code > 32 THEN a.frozen_debit ELSE a.frozen_credit END,
        a.profile_id IS NOT NULL OR a.ceiling IS NOT NULL OR a.sign > 0, a.last_posted_at, a.counted_on, a.counters, g
    INTO side.written_by, side.sign, side.version, side.balance, side.moves, side.limited, side.last_posted_at,
        side.counted_on, side.counters, side.guard
    FROM ledger.account AS a
    JOIN ledger.kind_operations AS k ON k.kind = a.kind
    JOIN ledger.guard AS g
        ON g.profile_id = coalesce(a.profile_id, '00000000-0000-0000-0000-000000000000') AND g.ends_at > at AND g.starts_at <= at
    WHERE a.id = locked_account
    FOR NO KEY UPDATE OF a;
    RETURN side;
END
$$;

-- Write one transfer, with its two entries, its accounts' sums and what their limits count. Accounts are locked in the
-- order of their ids, as everybody locks them. written_by: by which transactions the debited and the credited account
-- were written as they were decided on; false, and nothing is written, where that is not so. Null where they are locked.
-- Where only the second is null, the credited one takes whatever comes: its version and balance follow here, and the
-- transfer is posted when it was posted to last, if that is later.
CREATE FUNCTION ledger.post_one_v1(at timestamptz, t ledger.decided_row, captures boolean, written_by xid[]) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    code constant integer := array_position(ledger.operation_list(), t.operation);
    in_time constant boolean := coalesce(t.effective_at = at, true);
    captured constant boolean := captures AND ledger.is_captured_v1(t);
    gives_back constant boolean := code IN (13, 14);
    capped constant boolean := in_time AND NOT gives_back AND code NOT IN (1, 23);
    counts constant boolean := in_time AND NOT gives_back AND NOT captured;
    counts_at timestamptz;
    d ledger.side;
    c ledger.side;
    day date;
BEGIN
    IF t.debit_account < t.credit_account THEN
        d := ledger.lock_side_v1(t.debit_account, code + 32, t.currency, at);
        c := ledger.lock_side_v1(t.credit_account, code, t.currency, at);
    ELSE
        c := ledger.lock_side_v1(t.credit_account, code, t.currency, at);
        d := ledger.lock_side_v1(t.debit_account, code + 32, t.currency, at);
    END IF;
    IF written_by IS NOT NULL THEN
        IF (written_by[1] = d.written_by AND CASE WHEN written_by[2] IS NULL THEN c.moves AND NOT c.limited
                                                  ELSE written_by[2] = c.written_by END) IS NOT TRUE
        THEN
            RETURN false;
        ELSIF written_by[2] IS NULL THEN
            t.credit_version := c.version + 1;
            t.credit_balance := c.balance + t.amount;
            IF c.last_posted_at > at THEN
                day := (at AT TIME ZONE (d.guard).time_zone)::date;
                at := c.last_posted_at;
                IF NOT in_time OR at >= (d.guard).ends_at OR day <> (at AT TIME ZONE (d.guard).time_zone)::date THEN
                    RETURN false;
                END IF;
            END IF;
        END IF;
    END IF;
    counts_at := coalesce(t.effective_at, at);
    IF (t.amount > 0 AND t.debit_account <> t.credit_account
           AND CASE WHEN t.reference IS NULL THEN code NOT IN (1, 2, 17, 18, 24) ELSE length(t.reference) BETWEEN 1 AND 128 END
          ) IS NOT TRUE
    THEN
        PERFORM ledger.refuse_content_v1(t.id);
    ELSIF counts_at > at THEN
        PERFORM ledger.refuse_future_v1();
    ELSIF (d.moves AND c.moves AND (greatest(d.last_posted_at, c.last_posted_at) > at) IS NOT TRUE
           AND d.version + 1 = t.debit_version AND c.version + 1 = t.credit_version
           AND d.balance + d.sign * t.amount = t.debit_balance AND c.balance - c.sign * t.amount = t.credit_balance
          ) IS NOT TRUE
        OR capped AND (
            t.credit_balance > (c.guard).balance_most
            OR NOT captured AND (t.amount > (d.guard).single_out_most OR t.amount > (c.guard).single_in_most))
    THEN
        PERFORM ledger.refuse_accounts_v1(2, 2);
    END IF;

    IF counts AND (d.guard).slots > 0 THEN
        day := (at AT TIME ZONE (d.guard).time_zone)::date;
        d.counters := ledger.counted_v1(
            t.debit_account, d.counted_on, d.counters, d.guard, day, 1::bigint << code + 32, t.amount, 1, 0, 0, 0, NULL, NULL);
        d.counted_on := greatest(d.counted_on, day);
    END IF;
    IF counts AND (c.guard).slots > 0 THEN
        day := (at AT TIME ZONE (c.guard).time_zone)::date;
        c.counters := ledger.counted_v1(
            t.credit_account, c.counted_on, c.counters, c.guard, day, 0, 0, 0, 1::bigint << code, t.amount, 1, NULL, NULL);
        c.counted_on := greatest(c.counted_on, day);
    END IF;
    UPDATE ledger.account AS a
    SET debits_posted = a.debits_posted + t.amount, version = t.debit_version, last_posted_at = at,
        counted_on = d.counted_on, counters = d.counters
    WHERE a.id = t.debit_account;
    UPDATE ledger.account AS a
    SET credits_posted = a.credits_posted + t.amount, version = t.credit_version, last_posted_at = at,
        counted_on = c.counted_on, counters = c.counters
    WHERE a.id = t.credit_account;
    INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
        effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
    VALUES (t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id, counts_at,
        at, t.debit_version, t.debit_balance, t.credit_version, t.credit_balance);
    INSERT INTO ledger.entry (account_id, version, transfer_id, amount, balance_after, posted_at)
    VALUES (t.debit_account, t.debit_version, t.id, t.amount, t.debit_balance, at),
           (t.credit_account, t.credit_version, t.id, -t.amount, t.credit_balance, at);

    IF gives_back THEN
        INSERT INTO ledger.unmatched_return (transfer_id) VALUES (t.id);
    ELSE
        IF NOT captured AND (d.limited AND NOT in_time OR ((d.guard).apart_codes >> code + 32) & 1 = 1) THEN
            PERFORM ledger.count_apart_v1(
                t.debit_account, t.credit_account, code + 32, t.amount, t.debit_balance, counts_at, NOT in_time, captured);
        END IF;
        IF c.limited AND NOT in_time OR ((c.guard).apart_codes >> code) & 1 = 1 THEN
            PERFORM ledger.count_apart_v1(
                t.credit_account, t.debit_account, code, t.amount, t.credit_balance, counts_at, NOT in_time, captured);
        END IF;
    END IF;
    IF d.sign > c.sign OR gives_back THEN
        PERFORM ledger.check_issues_v1(ARRAY[t]);
    END IF;
    IF code = 10 AND d.sign <> c.sign THEN
        PERFORM ledger.refuse_float_v1(t.id);
    END IF;
    PERFORM ledger.refuse_closed_period_v1(counts_at);
    RETURN true;
END
$$;

-- Write a batch: as ledger.post_one_v1 each, but what can be summed by account is. The versions and balances that the
-- application decided are compared with what the rows say: whether each balance follows from the one before it and the
-- first from the account's own.
-- Accounts are found by index probes only. A plan is kept for as long as the connection, and one made for a large
-- batch on a small ledger must not scan a large one; for the same reason nothing here has a LIMIT. The functions that
-- write have set that, too.
CREATE FUNCTION ledger.post_many_v1(at timestamptz, decided ledger.decided_row[], captures boolean) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    capturing uuid[];
    totals ledger.account_total[];
    unreceipted boolean;
    late boolean;
    floats boolean;
    issues boolean;
    first_counts_at timestamptz;
    last_counts_at timestamptz;
    updated bigint;
    apart boolean;
    wrong text;
BEGIN
    IF captures THEN
        SELECT array_agg(t.id) INTO capturing FROM unnest(decided) AS t WHERE ledger.is_captured_v1(t);
    END IF;
    WITH side AS (
        SELECT debit_account AS account_id, debit_version AS version, amount AS debit, 0::bigint AS credit,
               debit_balance AS after, currency COLLATE "C" AS currency,
               array_position(ledger.operation_list(), operation) + 32 AS code,
               coalesce(effective_at = at, true) AS in_time, coalesce(id = ANY(capturing), false) AS captured
        FROM unnest(decided)
        UNION ALL
        SELECT credit_account, credit_version, 0, amount, credit_balance, currency,
               array_position(ledger.operation_list(), operation), coalesce(effective_at = at, true),
               coalesce(id = ANY(capturing), false)
        FROM unnest(decided)
    ), stepped AS (
        SELECT account_id, version, debit, credit, after, currency, code,
               lag(after) OVER (PARTITION BY account_id ORDER BY version) AS before,
               in_time AND code NOT IN (1, 13, 14, 23, 33, 45, 46, 55) AS capped,
               in_time AND code NOT IN (1, 13, 14, 23, 33, 45, 46, 55) AND NOT captured AS asked,
               in_time AND code NOT IN (13, 14, 45, 46) AND NOT captured AS counts
        FROM side
    ), total AS (
        SELECT ROW(
            account_id, min(version), max(version), count(*), sum(debit), sum(credit), min(currency), max(currency),
            max(after) FILTER (WHERE before IS NULL), max(debit - credit) FILTER (WHERE before IS NULL),
            coalesce(bool_and(before + debit - credit = after), true),
            coalesce(bool_and(before + credit - debit = after), true),
            max(after) FILTER (WHERE capped AND code < 32), max(debit) FILTER (WHERE asked),
            max(credit) FILTER (WHERE asked),
            coalesce(bit_or(1::bigint << code) FILTER (WHERE counts AND code > 32), 0),
            coalesce(sum(debit) FILTER (WHERE counts), 0), count(*) FILTER (WHERE counts AND code > 32),
            coalesce(bit_or(1::bigint << code) FILTER (WHERE counts AND code < 32), 0),
            coalesce(sum(credit) FILTER (WHERE counts), 0), count(*) FILTER (WHERE counts AND code < 32),
            array_agg(code) FILTER (WHERE counts), array_agg(debit + credit) FILTER (WHERE counts),
            bit_or(1::bigint << code)
        )::ledger.account_total AS row
        FROM stepped GROUP BY account_id
    )
    SELECT array_agg(row) INTO totals FROM total;
    SELECT bool_or(t.reference IS NULL), coalesce(bool_or(t.effective_at <> at), false), bool_or(t.operation = 'float'),
        bool_or(t.operation IN ('opening', 'load', 'load_card', 'load_emoney', 'remit_in', 'refund', 'reversal')),
        coalesce(min(t.effective_at), at), coalesce(max(t.effective_at), at),
        min(t.id::text) FILTER (WHERE (t.amount > 0 AND t.debit_account <> t.credit_account AND CASE WHEN t.reference IS NULL
            THEN t.operation NOT IN ('opening', 'load', 'load_card', 'load_emoney', 'remit_in')
            ELSE length(t.reference) BETWEEN 1 AND 128 END) IS NOT TRUE)
    INTO unreceipted, late, floats, issues, first_counts_at, last_counts_at, wrong FROM unnest(decided) AS t;
    IF wrong IS NOT NULL THEN
        PERFORM ledger.refuse_content_v1(wrong::uuid);
    ELSIF last_counts_at > at THEN
        PERFORM ledger.refuse_future_v1();
    END IF;

    WITH written AS (
        UPDATE ledger.account AS a
        SET debits_posted = a.debits_posted + t.debits,
            credits_posted = a.credits_posted + t.credits,
            version = t.last,
            last_posted_at = at,
            counted_on = CASE WHEN c.counts THEN greatest(a.counted_on, c.day) ELSE a.counted_on END,
            counters = CASE
                WHEN NOT c.counts THEN a.counters
                WHEN a.counted_on >= c.day AND c.added IS NOT NULL THEN ARRAY[a.counters[1] + c.added, a.counters[2]]
                ELSE ledger.counted_v1(
                    a.id, a.counted_on, a.counters, g, c.day, t.out_mask, t.out_amount, t.out_number, t.in_mask, t.in_amount,
                    t.in_number, t.codes, t.amounts)
                END
        FROM unnest(totals) AS t, ledger.guard AS g, ledger.kind_operations AS k,
            -- added: of a single slot, where all of a direction counts in it or none, as most wallets' does: counted here,
            -- as ledger.counted_v1 would, for a call of it takes 7 % of a batch's time
            LATERAL (
                SELECT (at AT TIME ZONE g.time_zone)::date AS day, g.slots > 0 AND t.out_mask | t.in_mask <> 0 AS counts,
                    CASE WHEN g.slots = 1 AND g.masks[1] & t.out_mask IN (0, t.out_mask) AND g.masks[1] & t.in_mask IN (0, t.in_mask)
                        THEN CASE WHEN g.masks[1] & t.out_mask = 0 THEN 0 WHEN g.numbers[1] THEN t.out_number ELSE t.out_amount END
                            + CASE WHEN g.masks[1] & t.in_mask = 0 THEN 0 WHEN g.numbers[1] THEN t.in_number ELSE t.in_amount END
                    END AS added
                OFFSET 0
            ) AS c
        WHERE a.id = t.account_id
          AND k.kind = a.kind AND t.all_codes & ~k.codes = 0
          AND t.first = a.version + 1 AND t.last - t.first + 1 = t.entries
          AND a.currency = t.currency AND t.currency = t.other_currency
          AND at >= coalesce(a.last_posted_at, '-infinity')
          AND a.closed_at IS NULL
          AND NOT (a.frozen_debit AND t.debits > 0) AND NOT (a.frozen_credit AND t.credits > 0)
          AND a.sign * (a.debits_posted - a.credits_posted + t.first_change) = t.first_after
          AND CASE a.sign WHEN 1 THEN t.debits_raise ELSE t.credits_raise END
          AND g.profile_id = coalesce(a.profile_id, '00000000-0000-0000-0000-000000000000')
          AND g.ends_at > at AND g.starts_at <= at
          AND (t.peak > g.balance_most) IS NOT TRUE
          AND (t.largest_out > g.single_out_most) IS NOT TRUE AND (t.largest_in > g.single_in_most) IS NOT TRUE
          AND (c.counts AND c.added > 0 AND a.counted_on >= c.day
               AND (a.counters[1] + c.added > g.day_most[1] OR a.counters[1] + a.counters[2] + c.added > g.span_most[1])) IS NOT TRUE
        RETURNING t.all_codes & g.apart_codes <> 0 OR (late AND a.profile_id IS NOT NULL) AS apart
    )
    SELECT count(*), coalesce(bool_or(written.apart), false) INTO updated, apart FROM written;
    IF updated <> cardinality(totals) THEN
        PERFORM ledger.refuse_accounts_v1(cardinality(totals) - updated, cardinality(totals));
    END IF;

    INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
        effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
    SELECT t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id,
        coalesce(t.effective_at, at), at, t.debit_version, t.debit_balance, t.credit_version, t.credit_balance
    FROM unnest(decided) AS t;
    INSERT INTO ledger.entry (account_id, version, transfer_id, amount, balance_after, posted_at)
    SELECT debit_account, debit_version, id, amount, debit_balance, at FROM unnest(decided)
    UNION ALL
    SELECT credit_account, credit_version, id, -amount, credit_balance, at FROM unnest(decided);

    -- one side at a time: what counts on another day, what is counted for each payee, and rules that stand apart
    IF apart THEN
        PERFORM ledger.count_apart_v1(
            s.account_id, s.other, s.code, s.amount, s.after, coalesce(s.effective_at, at), coalesce(s.effective_at <> at, false),
            s.captured)
        FROM (
            SELECT debit_account AS account_id, credit_account AS other,
                   array_position(ledger.operation_list(), operation) + 32 AS code, amount, debit_balance AS after,
                   effective_at, coalesce(id = ANY(capturing), false) AS captured, place
            FROM unnest(decided) WITH ORDINALITY AS t (id, debit_account, credit_account, amount, debit_version,
                debit_balance, credit_version, credit_balance, currency, operation, reference, group_id, effective_at, place)
            UNION ALL
            SELECT credit_account, debit_account, array_position(ledger.operation_list(), operation), amount,
                   credit_balance, effective_at, coalesce(id = ANY(capturing), false), place
            FROM unnest(decided) WITH ORDINALITY AS t (id, debit_account, credit_account, amount, debit_version,
                debit_balance, credit_version, credit_balance, currency, operation, reference, group_id, effective_at, place)
        ) AS s
        WHERE s.code NOT IN (13, 14, 45, 46) AND (NOT s.captured OR s.code < 32)
        ORDER BY s.place, s.code DESC;
    END IF;
    IF floats THEN
        SELECT min(p.id::text) INTO wrong FROM unnest(decided) AS p
        JOIN ledger.account AS d ON d.id = p.debit_account
        JOIN ledger.account AS c ON c.id = p.credit_account
        WHERE p.operation = 'float' AND d.sign <> c.sign;
        IF wrong IS NOT NULL THEN
            PERFORM ledger.refuse_float_v1(wrong::uuid);
        END IF;
    END IF;
    IF issues THEN
        INSERT INTO ledger.unmatched_return (transfer_id)
        SELECT t.id FROM unnest(decided) AS t WHERE t.operation IN ('refund', 'reversal');
    END IF;
    IF unreceipted OR issues THEN
        PERFORM ledger.check_issues_v1(decided);
    END IF;
    PERFORM ledger.refuse_closed_period_v1(first_counts_at);
END
$$;

-- Whether a transfer is what captures a hold, which was counted when that was placed.
CREATE FUNCTION ledger.is_captured_v1(t ledger.decided_row) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM ledger.hold_event AS e JOIN ledger.hold AS h ON h.id = e.hold_id
        WHERE e.id = t.id AND e.kind = 'captured'
          AND (h.debit_account, h.credit_account, h.operation, e.amount)
            = (t.debit_account, t.credit_account, t.operation, t.amount)
    );
END
$$;

CREATE FUNCTION ledger.refuse_future_v1() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'ledger: a transfer counts after it is posted'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'effective_time';
END
$$;

-- Float moves between businesses, or between banks.
CREATE FUNCTION ledger.refuse_float_v1(transfer_id uuid) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'ledger: transfer % moves float between a bank and a business', transfer_id
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

-- Called by the functions below alone.
REVOKE EXECUTE ON FUNCTION ledger.lock_side_v1, ledger.post_one_v1, ledger.post_many_v1,
    ledger.is_captured_v1 FROM PUBLIC;

-- Accounts as they are now, with what their limits have counted, and by which transaction each was written: whoever
-- changes an account writes it anew.
-- A function, so that one plan by the keys serves from the first day on, when PostgreSQL knows nothing of accounts yet.
CREATE FUNCTION ledger.look_v1(accounts uuid[]) RETURNS TABLE (
    id uuid, kind text, currency text, sign smallint, floor bigint, frozen_debit boolean, frozen_credit boolean, closed boolean,
    debits_posted bigint, credits_posted bigint, pending_out bigint, version bigint, ceiling bigint, last_posted_at bytea,
    profile_id uuid, counted_on date, counters bigint[], reserved boolean, written_by xid
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.kind, a.currency, a.sign, a.floor, a.frozen_debit, a.frozen_credit, a.closed_at IS NOT NULL, a.debits_posted,
           a.credits_posted, CASE WHEN a.sign = 1 THEN a.credits_pending ELSE a.debits_pending END, a.version, a.ceiling,
           timestamptz_send(a.last_posted_at), a.profile_id, a.counted_on, a.counters,
           a.debits_pending + a.credits_pending > 0, a.xmin
    FROM ledger.account AS a
    WHERE a.id = ANY(accounts);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.look_v1 FROM PUBLIC;

-- Write the refusals of a batch, whose transfers are written already. refused: what stands in ledger.refusal, as JSON;
-- beside and steps: a transfer that this transaction has written, and how far after it (before it, if negative) the
-- refusal was decided; of a batch that has none, null and the steps from its beginning.
-- With its owner's rights: positions are not the application's to choose, as one could hide a transfer's event.
CREATE FUNCTION ledger.write_refusals_v1(refused jsonb, decided_at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    written integer;
    start bigint := nextval('ledger.event_position');
BEGIN
    INSERT INTO ledger.refusal (transfer_id, debit_account, credit_account, amount, currency, operation, reference,
        group_id, effective_at, decided_at, rule, decision, source, numbers, position)
    SELECT r.transfer_id, r.debit_account, r.credit_account, r.amount, r.currency, r.operation, r.reference, r.group_id,
        r.effective_at, write_refusals_v1.decided_at, r.rule, r.decision, r.source, r.numbers,
        coalesce(t.position, start) + r.steps
    FROM jsonb_to_recordset(refused) AS r (transfer_id uuid, debit_account uuid, credit_account uuid, amount bigint,
        currency text, operation text, reference text, group_id uuid, effective_at timestamptz, rule text, decision text,
        source text, numbers jsonb, beside uuid, steps integer)
    LEFT JOIN ledger.transfer AS t ON t.id = r.beside AND t.xact = pg_current_xact_id()::text::bigint
    WHERE abs(r.steps) < 16384 AND (r.beside IS NULL OR (t.id IS NOT NULL AND r.steps <> 0));
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> jsonb_array_length(refused) THEN
        RAISE EXCEPTION 'ledger: a refusal does not stand beside a transfer of its own transaction'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_refusals_v1 FROM PUBLIC;

-- Write the notes of transfers, refusals and holds that this transaction has written. noted: what stands in
-- ledger.transfer_note, as JSON. With its owner's rights: nobody notes anything on what was written before.
CREATE FUNCTION ledger.write_notes_v1(noted jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    written integer;
    own bigint := pg_current_xact_id()::text::bigint;
BEGIN
    INSERT INTO ledger.transfer_note (id, key, metadata)
    SELECT n.id, n.key, nullif(n.metadata, 'null'::jsonb)
    FROM jsonb_to_recordset(noted) AS n (id uuid, key text, metadata jsonb)
    WHERE EXISTS (SELECT FROM ledger.transfer AS t WHERE t.id = n.id AND t.xact = own)
       OR EXISTS (SELECT FROM ledger.refusal AS r WHERE r.transfer_id = n.id AND r.xact = own)
       OR EXISTS (SELECT FROM ledger.hold AS h WHERE h.id = n.id AND h.xact = own);
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> jsonb_array_length(noted) THEN
        RAISE EXCEPTION 'ledger: a note does not belong to what its own transaction has written'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_notes_v1 FROM PUBLIC;

-- Write a batch that was decided: the one way in which transfers come to be, with their entries and what follows from
-- them. decided: effective_at is null where it is posted_at. refused: as ledger.write_refusals_v1 takes it. noted: as
-- ledger.write_notes_v1 does; both null where there is nothing. captures: some of them capture holds.
-- With its owner's rights: the application itself can write neither transfers nor entries nor balances.
CREATE FUNCTION ledger.write_posted_v1(
    posted_at timestamptz, decided ledger.decided_row[], refused jsonb, noted jsonb, captures boolean
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    PERFORM ledger.check_times_v1(write_posted_v1.posted_at, decided);
    IF cardinality(decided) = 1 THEN
        PERFORM ledger.post_one_v1(posted_at, decided[1], captures, NULL);
    ELSIF cardinality(decided) > 1 THEN
        PERFORM ledger.post_many_v1(posted_at, decided, captures);
    END IF;
    IF refused IS NOT NULL THEN
        PERFORM ledger.write_refusals_v1(refused, write_posted_v1.posted_at);
    END IF;
    IF noted IS NOT NULL THEN
        PERFORM ledger.write_notes_v1(noted);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_posted_v1 FROM PUBLIC;

-- Write a batch that was decided on accounts as they were read, without a lock, before: all of it in one call, which is
-- a transaction of its own. Gives the number of the transaction; null, and writes nothing, where an account has changed
-- since, the batch that it follows was not written, or the first id was sent before; an error where another id was. The
-- caller then decides again, under locks.
--
-- accounts: those of the batch, in the order of their ids; written_by: the transaction that each was seen written by, 0
-- for last_transaction. Whoever changes an account, what it holds, or what was counted of it, writes its row.
-- attempt: a name for this call, never used again; follows: that of the call before, where the transaction that wrote
-- its batch is not known yet: it is then the last that this connection wrote, or nothing is written. The rest as
-- ledger.write_posted_v1 takes it.
CREATE FUNCTION ledger.write_decided_v1(
    accounts uuid[], written_by xid[], last_transaction xid, follows uuid, attempt uuid, claims uuid[],
    posted_at timestamptz, decided ledger.decided_row[], refused jsonb, noted jsonb
) RETURNS xid
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    written_last text[] := string_to_array(current_setting('emoney.written', true), ' ');
BEGIN
    IF follows IS NOT NULL THEN
        IF written_last[1] IS DISTINCT FROM follows::text THEN
            RETURN NULL;
        END IF;
        last_transaction := written_last[2]::xid;
    END IF;

    IF (
        SELECT array_agg(locked.xmin) FROM (
            SELECT a.xmin FROM ledger.account AS a WHERE a.id = ANY(accounts) ORDER BY a.id FOR NO KEY UPDATE
        ) AS locked
    ) IS DISTINCT FROM array_replace(written_by, '0'::xid, last_transaction)
        OR EXISTS (SELECT FROM ledger.claim AS c WHERE c.id = claims[1])
    THEN
        RETURN NULL;
    END IF;

    INSERT INTO ledger.claim (id) SELECT sent.id FROM unnest(claims) AS sent (id) ORDER BY sent.id;

    PERFORM ledger.write_posted_v1(write_decided_v1.posted_at, decided, refused, noted, false);
    PERFORM set_config('emoney.written', concat_ws(' ', attempt, pg_current_xact_id()::xid), false);
    RETURN pg_current_xact_id()::xid;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_decided_v1 FROM PUBLIC;

-- Write one transfer of no group as ledger.write_decided_v1 writes a batch. An id that was sent before is a unique
-- violation: claims come after accounts, as for everybody. credit_written_by: null for an account that takes whatever comes
-- (ledger.post_one_v1).
CREATE FUNCTION ledger.write_one_v1(
    debit_written_by xid, credit_written_by xid, posted_at timestamptz, decided ledger.decided_row, noted jsonb
) RETURNS xid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    PERFORM ledger.check_times_v1(posted_at, ARRAY[decided]);
    IF NOT ledger.post_one_v1(posted_at, decided, false, ARRAY[debit_written_by, credit_written_by]) THEN
        RETURN NULL;
    END IF;
    INSERT INTO ledger.claim (id) VALUES (decided.id);
    IF noted IS NOT NULL THEN
        PERFORM ledger.write_notes_v1(noted);
    END IF;
    RETURN pg_current_xact_id()::xid;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_one_v1 FROM PUBLIC;
