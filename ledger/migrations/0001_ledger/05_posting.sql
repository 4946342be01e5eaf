-- Posting: what the database does when transfers are inserted, and the functions by which the application
-- reads and writes a batch that it decides without locks.

-- What a statement's transfers leave an account: its entries' first and last version and how many they are, their
-- sums, of what currencies and times they are, the balance after the first and what that one changed by, debits
-- counted up; whether each balance follows from the one before, on an account whose balance debits raise, and credits;
-- and what limits ask of what counts on the day of posting: the highest balance that a credit reached and the largest debit
-- and credit, but for what gives back and what the operator does (ledger.operators_codes); out and in, the codes as a
-- mask, the sum and the number; and codes and amounts one by one. all_codes: the codes of all of them.
CREATE TYPE ledger.account_total AS (
    account_id uuid, first bigint, last bigint, entries bigint, debits bigint, credits bigint, currency text,
    other_currency text, first_posted_at timestamptz, last_posted_at timestamptz, first_after bigint, first_change bigint,
    debits_raise boolean, credits_raise boolean, peak bigint, largest_out bigint, largest_in bigint,
    out_mask bigint, out_amount bigint, out_number bigint, in_mask bigint, in_amount bigint, in_number bigint,
    codes integer[], amounts bigint[], all_codes bigint
);

-- The application inserts transfers; the two entries of each and the balances follow from them here, and only here. The
-- versions and balances that the application decided are compared with what the rows say: whether each balance follows
-- from the one before it and the first from the account's own. Of one transfer, nothing is summed: that takes longer
-- than to write its two entries.
-- Runs with its owner's rights: the application itself can write neither entries nor balances. Nobody else may
-- hang it on a table of theirs, which would turn those rights against the ledger.
-- Accounts are found by index probes only. A plan is kept for as long as the connection, and one made for a large
-- batch on a small ledger must not scan a large one; for the same reason nothing here has a LIMIT.
CREATE FUNCTION ledger.post_entries_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    sides bigint;
    totals ledger.account_total[];
    unreceipted boolean;
    late boolean;
    captured boolean := false;
    updated bigint;
    apart boolean;
    at timestamptz;
    wrong text;
BEGIN
    IF TG_RELID <> 'ledger.transfer'::regclass THEN
        RAISE EXCEPTION 'ledger: transfers are posted from ledger.transfer only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    INSERT INTO ledger.entry (account_id, version, transfer_id, amount, balance_after, posted_at)
    SELECT debit_account, debit_version, id, amount, debit_balance, posted_at FROM posted
    UNION ALL
    SELECT credit_account, credit_version, id, -amount, credit_balance, posted_at FROM posted;

    GET DIAGNOSTICS sides = ROW_COUNT;

    IF sides = 2 THEN  -- one transfer: nothing to sum. What captures a hold was counted when that was placed
        SELECT EXISTS (
            SELECT FROM ledger.hold_event AS e JOIN ledger.hold AS h ON h.id = e.hold_id
            WHERE e.id = p.id AND e.kind = 'captured'
              AND (h.debit_account, h.credit_account, h.operation, e.amount)
                = (p.debit_account, p.credit_account, p.operation, p.amount)
        ) INTO captured FROM posted AS p;
        SELECT ARRAY[
            ROW(debit_account, debit_version, debit_version, 1, amount, 0, currency, currency, posted_at, posted_at,
                debit_balance, amount, true, true, NULL, asked, NULL,
                CASE WHEN counted THEN 1::bigint << number + 32 ELSE 0 END, amount, 1, 0, 0, 0, NULL, NULL,
                1::bigint << number + 32),
            ROW(credit_account, credit_version, credit_version, 1, 0, amount, currency, currency, posted_at, posted_at,
                credit_balance, -amount, true, true, CASE WHEN ordinary THEN credit_balance END, NULL, asked,
                0, 0, 0, CASE WHEN counted THEN 1::bigint << number ELSE 0 END, amount, 1, NULL, NULL,
                1::bigint << number)
        ]::ledger.account_total[], reference IS NULL, effective_at <> posted_at, posted_at
        INTO totals, unreceipted, late, at
        FROM posted,
            LATERAL (SELECT array_position(ledger.operation_list(), operation)) AS n (number),
            LATERAL (SELECT number NOT IN (1, 13, 14, 23) AND effective_at = posted_at,
                            number NOT IN (13, 14) AND NOT captured AND effective_at = posted_at) AS c (ordinary, counted),
            LATERAL (SELECT CASE WHEN ordinary AND NOT captured THEN amount END) AS l (asked);
    ELSE
        WITH side AS (
            SELECT debit_account AS account_id, debit_version AS version, amount AS debit, 0::bigint AS credit,
                   debit_balance AS after, currency COLLATE "C" AS currency, posted_at, effective_at,
                   array_position(ledger.operation_list(), operation) + 32 AS code FROM posted
            UNION ALL
            SELECT credit_account, credit_version, 0, amount, credit_balance, currency, posted_at, effective_at,
                   array_position(ledger.operation_list(), operation) FROM posted
        ), stepped AS (
            SELECT account_id, version, debit, credit, after, currency, posted_at, effective_at, code,
                   lag(after) OVER (PARTITION BY account_id ORDER BY version) AS before,
                   code NOT IN (1, 13, 14, 23, 33, 45, 46, 55) AND effective_at = posted_at AS ordinary,
                   code NOT IN (13, 14, 45, 46) AND effective_at = posted_at AS counts
            FROM side
        ), total AS (
            SELECT ROW(
                account_id, min(version), max(version), count(*), sum(debit), sum(credit), min(currency), max(currency),
                min(posted_at), max(posted_at),
                max(after) FILTER (WHERE before IS NULL), max(debit - credit) FILTER (WHERE before IS NULL),
                coalesce(bool_and(before + debit - credit = after), true),
                coalesce(bool_and(before + credit - debit = after), true),
                max(after) FILTER (WHERE ordinary AND code < 32), max(debit) FILTER (WHERE ordinary),
                max(credit) FILTER (WHERE ordinary),
                coalesce(bit_or(1::bigint << code) FILTER (WHERE counts AND code > 32), 0),
                coalesce(sum(debit) FILTER (WHERE counts), 0), count(*) FILTER (WHERE counts AND code > 32),
                coalesce(bit_or(1::bigint << code) FILTER (WHERE counts AND code < 32), 0),
                coalesce(sum(credit) FILTER (WHERE counts), 0), count(*) FILTER (WHERE counts AND code < 32),
                array_agg(code) FILTER (WHERE counts), array_agg(debit + credit) FILTER (WHERE counts),
                bit_or(1::bigint << code)
            )::ledger.account_total AS row
            FROM stepped GROUP BY account_id
        )
        SELECT array_agg(row), (SELECT bool_or(reference IS NULL) FROM posted),
               (SELECT bool_or(effective_at <> posted_at) FROM posted), (SELECT max(posted_at) FROM posted)
        INTO totals, unreceipted, late, at FROM total;
    END IF;

    IF late AND EXISTS (SELECT FROM posted WHERE effective_at > posted_at) THEN
        RAISE EXCEPTION 'ledger: a transfer counts after it is posted' USING ERRCODE = 'check_violation', CONSTRAINT = 'effective_time';
    END IF;

    WITH written AS (
        UPDATE ledger.account AS a
        SET debits_posted = a.debits_posted + t.debits,
            credits_posted = a.credits_posted + t.credits,
            version = t.last,
            last_posted_at = t.last_posted_at,
            counted_on = CASE WHEN g.slots > 0 THEN greatest(a.counted_on, (at AT TIME ZONE g.time_zone)::date) END,
            counters = CASE WHEN g.slots > 0 THEN ledger.counted_v1(
                a.id, a.counted_on, a.counters, g, (at AT TIME ZONE g.time_zone)::date, t.out_mask, t.out_amount,
                t.out_number, t.in_mask, t.in_amount, t.in_number, t.codes, t.amounts) END
        FROM unnest(totals) AS t, ledger.guard AS g, ledger.kind_operations AS k
        WHERE a.id = t.account_id
          AND k.kind = a.kind AND t.all_codes & ~k.codes = 0
          AND t.first = a.version + 1 AND t.last - t.first + 1 = t.entries
          AND a.currency = t.currency AND t.currency = t.other_currency
          AND t.first_posted_at >= coalesce(a.last_posted_at, '-infinity')
          AND a.closed_at IS NULL
          AND NOT (a.frozen_debit AND t.debits > 0) AND NOT (a.frozen_credit AND t.credits > 0)
          AND a.sign * (a.debits_posted - a.credits_posted + t.first_change) = t.first_after
          AND CASE a.sign WHEN 1 THEN t.debits_raise ELSE t.credits_raise END
          AND g.profile_id = coalesce(a.profile_id, '00000000-0000-0000-0000-000000000000')
          AND g.ends_at > at AND g.starts_at <= at
          AND (t.peak > g.balance_most) IS NOT TRUE
          AND (t.largest_out > g.single_out_most) IS NOT TRUE AND (t.largest_in > g.single_in_most) IS NOT TRUE
        RETURNING t.all_codes & g.apart_codes <> 0 OR (late AND a.profile_id IS NOT NULL) AS apart
    )
    SELECT count(*), coalesce(bool_or(written.apart), false) INTO updated, apart FROM written;
    IF updated <> cardinality(totals) THEN
        RAISE EXCEPTION 'ledger: % of % accounts are unknown, of kinds that the operation does not move money between, closed, frozen, of another currency, ahead in time, beyond a limit, or their versions or balances do not follow from their transfers',
            cardinality(totals) - updated, cardinality(totals) USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- one side at a time: what counts on another day, what is counted for each payee, and rules that stand apart
    IF apart THEN
        PERFORM ledger.count_apart_v1(
            s.account_id, s.other, s.code, s.amount, s.after, s.effective_at, s.effective_at <> s.posted_at, captured)
        FROM (
            SELECT debit_account AS account_id, credit_account AS other,
                   array_position(ledger.operation_list(), operation) + 32 AS code, amount, debit_balance AS after,
                   effective_at, posted_at, position FROM posted
            UNION ALL
            SELECT credit_account, debit_account, array_position(ledger.operation_list(), operation), amount,
                   credit_balance, effective_at, posted_at, position FROM posted
        ) AS s
        WHERE s.code NOT IN (13, 14, 45, 46) AND (NOT captured OR s.code < 32)
        ORDER BY s.position, s.code DESC;
    END IF;

    -- float moves between businesses, or between banks
    SELECT min(p.id::text) INTO wrong FROM posted AS p
    JOIN ledger.account AS d ON d.id = p.debit_account
    JOIN ledger.account AS c ON c.id = p.credit_account
    WHERE p.operation = 'float' AND d.sign <> c.sign;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: transfer % moves float between a bank and a business', wrong
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- What raises an asset and a liability at once issues value, whatever the operation is called.
    IF unreceipted THEN
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
REVOKE EXECUTE ON FUNCTION ledger.post_entries_v1() FROM PUBLIC;

CREATE TRIGGER post_entries AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.post_entries_v1();

-- Accounts as they are now, with what their limits have counted, and by which transaction each was written: whoever
-- changes an account writes it anew.
-- A function, so that one plan by the keys serves from the first day on, when PostgreSQL knows nothing of accounts yet.
CREATE FUNCTION ledger.look_v1(accounts uuid[]) RETURNS TABLE (
    id uuid, kind text, currency text, sign smallint, floor bigint, frozen_debit boolean, frozen_credit boolean, closed boolean,
    debits_posted bigint, credits_posted bigint, pending_out bigint, version bigint, ceiling bigint, last_posted_at bytea,
    profile_id uuid, counted_on date, counters bigint[], written_by xid
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
           timestamptz_send(a.last_posted_at), a.profile_id, a.counted_on, a.counters, a.xmin
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

CREATE TYPE ledger.decided_row AS (
    id uuid, debit_account uuid, credit_account uuid, amount bigint, debit_version bigint, debit_balance bigint,
    credit_version bigint, credit_balance bigint, currency text, operation text, reference text, group_id uuid,
    effective_at timestamptz
);

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

-- Write a batch that was decided: the one way in which transfers come to be. decided: effective_at is null where it is
-- posted_at. refused: as ledger.write_refusals_v1 takes it. noted: as ledger.write_notes_v1 does; both null where there is
-- nothing. What the caller claimed, locked and decided is checked by ledger.post_entries_v1, whoever it is.
CREATE FUNCTION ledger.write_posted_v1(posted_at timestamptz, decided ledger.decided_row[], refused jsonb, noted jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    PERFORM ledger.check_times_v1(write_posted_v1.posted_at, decided);
    IF cardinality(decided) > 0 THEN
        INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
            effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
        SELECT t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id,
            coalesce(t.effective_at, write_posted_v1.posted_at), write_posted_v1.posted_at, t.debit_version,
            t.debit_balance, t.credit_version, t.credit_balance
        FROM unnest(decided) AS t;
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

    PERFORM ledger.write_posted_v1(write_decided_v1.posted_at, decided, refused, noted);
    PERFORM set_config('emoney.written', concat_ws(' ', attempt, pg_current_xact_id()::xid), false);
    RETURN pg_current_xact_id()::xid;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_decided_v1 FROM PUBLIC;
