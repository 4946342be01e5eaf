-- The amount of an entry is positive where it debits and negative where it credits, so that the two entries of a transfer
-- cancel, and nothing beside it tells the side: an entry takes 8 bytes less. Every entry is written anew, once.
ALTER TABLE ledger.entry ALTER amount TYPE bigint USING direction * amount, DROP COLUMN direction;

-- As in version 2; the entries' amounts signed.
CREATE FUNCTION ledger.post_entries_v3() RETURNS trigger
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

    INSERT INTO ledger.entry (account_id, version, transfer_id, amount, balance_after, posted_at)
    SELECT debit_account, debit_version, id, amount, debit_balance, posted_at FROM posted
    UNION ALL
    SELECT credit_account, credit_version, id, -amount, credit_balance, posted_at FROM posted;

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
REVOKE EXECUTE ON FUNCTION ledger.post_entries_v3() FROM PUBLIC;

DROP TRIGGER post_entries ON ledger.transfer;
CREATE TRIGGER post_entries AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.post_entries_v3();
DROP FUNCTION ledger.post_entries_v2();

-- As in version 1; a partition of entries has the same columns as the table, those that were dropped too.
CREATE FUNCTION ledger.make_partitions_v2(first timestamptz, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '10s'
AS $$
DECLARE
    starts timestamptz;
    ends timestamptz;
    suffix text;
    made integer := 0;
    dropped integer := (
        SELECT count(*) FROM pg_attribute WHERE attrelid = 'ledger.entry'::regclass AND attisdropped
    );
BEGIN
    IF first NOT BETWEEN '2000-01-01' AND '2200-01-01' OR months NOT BETWEEN 1 AND 36 THEN
        RAISE EXCEPTION 'ledger: partitions are made for 1 to 36 months between the years 2000 and 2200'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger.make_partitions', 0));
    FOR number IN 0..months - 1 LOOP
        starts := (date_trunc('month', first AT TIME ZONE 'UTC') + make_interval(months => number)) AT TIME ZONE 'UTC';
        ends := (date_trunc('month', first AT TIME ZONE 'UTC') + make_interval(months => number + 1)) AT TIME ZONE 'UTC';
        suffix := to_char(starts AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass('ledger.entry_' || suffix) IS NULL
            AND starts >= (SELECT until FROM ledger.partition_start WHERE name = 'entry')
        THEN
            EXECUTE format('CREATE TABLE ledger.%I (LIKE ledger.entry INCLUDING ALL)', 'entry_' || suffix);
            -- The table's dropped columns, all smallint and last, and not there in one restored from a dump. PostgreSQL
            -- would take each row for a partition without them apart and put it together anew.
            FOR number_dropped IN 1..dropped LOOP
                EXECUTE format('ALTER TABLE ledger.%I ADD COLUMN direction smallint', 'entry_' || suffix);
                EXECUTE format('ALTER TABLE ledger.%I DROP COLUMN direction', 'entry_' || suffix);
            END LOOP;
            EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', 'entry_' || suffix);
            EXECUTE format('ALTER TABLE ledger.entry ATTACH PARTITION ledger.%I FOR VALUES FROM (%L) TO (%L)',
                           'entry_' || suffix, starts, ends);
            made := made + 1;
        END IF;
        IF to_regclass('ledger.transfer_' || suffix) IS NULL
            AND starts >= (SELECT until FROM ledger.partition_start WHERE name = 'transfer')
        THEN
            EXECUTE format('CREATE TABLE ledger.%I (LIKE ledger.transfer INCLUDING ALL)', 'transfer_' || suffix);
            EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', 'transfer_' || suffix);
            EXECUTE format('ALTER TABLE ledger.transfer ATTACH PARTITION ledger.%I FOR VALUES FROM (%L) TO (%L)',
                           'transfer_' || suffix, ledger.first_id(starts), ledger.first_id(ends));
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.make_partitions_v2(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.make_partitions_v2(timestamptz, integer) TO emoney_app;
DROP FUNCTION ledger.make_partitions_v1(timestamptz, integer);
