-- Posting: what the database does when transfers are inserted, and the functions by which the application
-- reads and writes a batch that it decides without locks.

-- What a statement's transfers leave an account: its entries' first and last version and how many they are, their
-- sums, of what currencies and times they are, the balance after the first and what that one changed by, debits
-- counted up; and whether each balance follows from the one before, on an account whose balance debits raise, and
-- credits.
CREATE TYPE ledger.account_total AS (
    account_id uuid, first bigint, last bigint, entries bigint, debits bigint, credits bigint, currency text,
    other_currency text, first_posted_at timestamptz, last_posted_at timestamptz, first_after bigint, first_change bigint,
    debits_raise boolean, credits_raise boolean
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
    updated bigint;
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

    IF sides = 2 THEN  -- one transfer: nothing to sum
        SELECT ARRAY[
            ROW(debit_account, debit_version, debit_version, 1, amount, 0, currency, currency, posted_at, posted_at,
                debit_balance, amount, true, true),
            ROW(credit_account, credit_version, credit_version, 1, 0, amount, currency, currency, posted_at, posted_at,
                credit_balance, -amount, true, true)
        ]::ledger.account_total[], reference IS NULL INTO totals, unreceipted FROM posted;
    ELSE
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
            SELECT ROW(
                account_id, min(version), max(version), count(*), sum(debit), sum(credit), min(currency), max(currency),
                min(posted_at), max(posted_at),
                max(after) FILTER (WHERE before IS NULL), max(debit - credit) FILTER (WHERE before IS NULL),
                coalesce(bool_and(before + debit - credit = after), true),
                coalesce(bool_and(before + credit - debit = after), true)
            )::ledger.account_total AS row
            FROM stepped GROUP BY account_id
        )
        SELECT array_agg(row), (SELECT bool_or(reference IS NULL) FROM posted) INTO totals, unreceipted FROM total;
    END IF;

    UPDATE ledger.account AS a
    SET debits_posted = a.debits_posted + t.debits,
        credits_posted = a.credits_posted + t.credits,
        version = t.last,
        last_posted_at = t.last_posted_at
    FROM unnest(totals) AS t
    WHERE a.id = t.account_id
      AND t.first = a.version + 1 AND t.last - t.first + 1 = t.entries
      AND a.currency = t.currency AND t.currency = t.other_currency
      AND t.first_posted_at >= coalesce(a.last_posted_at, '-infinity')
      AND a.closed_at IS NULL
      AND NOT (a.frozen_debit AND t.debits > 0) AND NOT (a.frozen_credit AND t.credits > 0)
      AND a.sign * (a.debits_posted - a.credits_posted + t.first_change) = t.first_after
      AND CASE a.sign WHEN 1 THEN t.debits_raise ELSE t.credits_raise END;
    GET DIAGNOSTICS updated = ROW_COUNT;
    IF updated <> cardinality(totals) THEN
        RAISE EXCEPTION 'ledger: % of % accounts are unknown, closed, frozen, of another currency, ahead in time, or their versions or balances do not follow from their transfers',
            cardinality(totals) - updated, cardinality(totals) USING ERRCODE = 'integrity_constraint_violation';
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

-- Accounts as they are now, and by which transaction each was written: whoever changes an account writes it anew. With
-- the rows of its usage that begin on one of these days, one to a line; of one moment, as it is one statement.
-- A function, so that one plan by the keys serves from the first day on, when PostgreSQL knows nothing of usage yet.
CREATE FUNCTION ledger.look_v1(accounts uuid[], starts date[]) RETURNS TABLE (
    id uuid, kind text, currency text, sign smallint, floor bigint, frozen_debit boolean, frozen_credit boolean, closed boolean,
    debits_posted bigint, credits_posted bigint, pending_out bigint, version bigint, ceiling bigint, last_posted_at bytea,
    profile_id uuid, written_by xid, scope_id uuid, span text, starts_on date, totals bytea, days bytea, moved bigint,
    returned bigint
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
           timestamptz_send(a.last_posted_at), a.profile_id, a.xmin,
           u.scope_id, u.span, u.starts_on, u.totals, u.days, u.moved, u.returned
    FROM ledger.account AS a
    -- OFFSET 0: for each account, by the key
    LEFT JOIN LATERAL (
        SELECT * FROM ledger.usage AS p WHERE p.scope_id = a.id AND p.starts_on = ANY(starts) OFFSET 0
    ) AS u ON true
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

-- Write a batch that was decided on accounts as they were read, without a lock, before: all of it in one call, which is
-- a transaction of its own. Gives the number of the transaction; null, and writes nothing, where an account has changed
-- since, the batch that it follows was not written, or the first id was sent before; an error where another id was. The
-- caller then decides again, under locks.
--
-- accounts: those of the batch, in the order of their ids; written_by: the transaction that each was seen written by, 0
-- for last_transaction. Whoever changes an account, what it holds, or what was counted of it, writes its row.
-- attempt: a name for this call, never used again; follows: that of the call before, where the transaction that wrote
-- its batch is not known yet: it is then the last that this connection wrote, or nothing is written. counted: the
-- periods' rows that the batch leaves. decided: effective_at is null where it is posted_at. refused: as
-- ledger.write_refusals_v1 takes it. noted: as ledger.write_notes_v1 does, null where there is nothing to note.
CREATE FUNCTION ledger.write_decided_v1(
    accounts uuid[], written_by xid[], last_transaction xid, follows uuid, attempt uuid, claims uuid[],
    counted ledger.usage_row[], posted_at timestamptz, decided ledger.decided_row[], refused jsonb, noted jsonb
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

    IF cardinality(counted) > 0 THEN
        PERFORM ledger.store_usage_v1(counted);
    END IF;

    IF cardinality(decided) > 0 THEN
        INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
            effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
        SELECT t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id,
            coalesce(t.effective_at, write_decided_v1.posted_at), write_decided_v1.posted_at, t.debit_version,
            t.debit_balance, t.credit_version, t.credit_balance
        FROM unnest(decided) AS t;
    END IF;

    IF refused IS NOT NULL THEN
        PERFORM ledger.write_refusals_v1(refused, write_decided_v1.posted_at);
    END IF;

    IF noted IS NOT NULL THEN
        PERFORM ledger.write_notes_v1(noted);
    END IF;

    PERFORM set_config('emoney.written', concat_ws(' ', attempt, pg_current_xact_id()::xid), false);
    RETURN pg_current_xact_id()::xid;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_decided_v1 FROM PUBLIC;
