-- Transfers and entries in partitions of a month (UTC). What was written before becomes the first one of each, as it
-- lies. Transfers go by their id, which is unique over all partitions that way and, as a UUID of version 7, tells its
-- time; ids that tell another time have a partition for the rest. Entries go by the time of posting, which is in the
-- key before the version: a balance at a moment is one probe of one partition's index.

-- The first UUID of version 7 of a moment, as far as order goes.
CREATE FUNCTION ledger.first_id(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

ALTER TABLE ledger.reversal DROP CONSTRAINT reversal_transfer_id_fkey, DROP CONSTRAINT reversal_original_id_fkey;

-- Transfers.
ALTER TABLE ledger.transfer RENAME TO transfer_before;
ALTER TABLE ledger.transfer_before RENAME CONSTRAINT transfer_pkey TO transfer_before_pkey;
ALTER INDEX ledger.transfer_xact RENAME TO transfer_before_xact;
ALTER INDEX ledger.transfer_position RENAME TO transfer_before_position;
DROP TRIGGER post_entries ON ledger.transfer_before;
DROP TRIGGER open_period ON ledger.transfer_before;

CREATE TABLE ledger.transfer (LIKE ledger.transfer_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)
    PARTITION BY RANGE (id);
ALTER TABLE ledger.transfer ADD PRIMARY KEY (id);
CREATE INDEX transfer_xact ON ledger.transfer USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX transfer_position ON ledger.transfer USING brin (position) WITH (pages_per_range = 32, autosummarize = on);

-- Entries.
ALTER TABLE ledger.entry RENAME TO entry_before;
ALTER TABLE ledger.entry_before DROP CONSTRAINT entry_pkey;
ALTER TABLE ledger.entry_before ADD CONSTRAINT entry_before_pkey PRIMARY KEY (account_id, posted_at, version);
ALTER INDEX ledger.entry_posted_at RENAME TO entry_before_posted_at;

CREATE TABLE ledger.entry (LIKE ledger.entry_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)
    PARTITION BY RANGE (posted_at);
ALTER TABLE ledger.entry ADD PRIMARY KEY (account_id, posted_at, version);
CREATE INDEX entry_posted_at ON ledger.entry USING brin (posted_at) WITH (pages_per_range = 32, autosummarize = on);

-- Make the partitions of `months` months from that of `first` on, where they are missing. The application may: it
-- posts at a moment for which there is none yet, or its job makes those of the months to come.
-- A partition is made as a table of its own and then attached, for which posting need not wait.
CREATE FUNCTION ledger.make_partitions_v1(first timestamptz, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '10s'
AS $$
DECLARE
    starts timestamptz;
    ends timestamptz;
    suffix text;
    made integer := 0;
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
REVOKE EXECUTE ON FUNCTION ledger.make_partitions_v1(timestamptz, integer) FROM PUBLIC;

-- Up to where the first partitions reach: the start of this month, or of the one after the last entry there is.
CREATE TABLE ledger.partition_start (
    name text PRIMARY KEY,
    until timestamptz NOT NULL
);

DO $$
DECLARE
    this_month timestamptz := date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    last_posted timestamptz := (SELECT max(posted_at) FROM ledger.entry_before);
    until timestamptz := this_month;
    late bigint;
BEGIN
    IF last_posted >= this_month THEN
        until := (date_trunc('month', last_posted AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    END IF;
    INSERT INTO ledger.partition_start (name, until) VALUES ('entry', until), ('transfer', until);
    EXECUTE format('ALTER TABLE ledger.entry ATTACH PARTITION ledger.entry_before FOR VALUES FROM (MINVALUE) TO (%L)', until);

    -- ids that tell a later time leave the old table for the partition of the rest
    CREATE TABLE ledger.transfer_other (LIKE ledger.transfer INCLUDING ALL);
    ALTER TABLE ledger.transfer_before DISABLE TRIGGER USER;
    WITH moved AS (
        DELETE FROM ledger.transfer_before WHERE id >= ledger.first_id(until) RETURNING *
    )
    INSERT INTO ledger.transfer_other SELECT * FROM moved;
    ALTER TABLE ledger.transfer_before ENABLE TRIGGER USER;
    EXECUTE format('ALTER TABLE ledger.transfer ATTACH PARTITION ledger.transfer_before FOR VALUES FROM (MINVALUE) TO (%L)',
                   ledger.first_id(until));
    ALTER TABLE ledger.transfer ATTACH PARTITION ledger.transfer_other DEFAULT;
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer_other
        FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
    PERFORM ledger.make_partitions_v1(until, 3);
END
$$;

CREATE TRIGGER post_entries AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.post_entries_v2();
CREATE TRIGGER open_period AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_closed_period_v1();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

ALTER TABLE ledger.reversal
    ADD CONSTRAINT reversal_transfer_id_fkey FOREIGN KEY (transfer_id) REFERENCES ledger.transfer (id),
    ADD CONSTRAINT reversal_original_id_fkey FOREIGN KEY (original_id) REFERENCES ledger.transfer (id);

-- The application reaches the partitions through their tables only.
REVOKE ALL ON ledger.transfer_before, ledger.entry_before FROM emoney_app;
GRANT SELECT ON ledger.transfer, ledger.entry, ledger.partition_start TO emoney_app;
GRANT INSERT (id, debit_account, credit_account, amount, currency, operation, reference, group_id, effective_at,
    posted_at, debit_version, debit_balance, credit_version, credit_balance) ON ledger.transfer TO emoney_app;
GRANT EXECUTE ON FUNCTION ledger.make_partitions_v1(timestamptz, integer) TO emoney_app;
