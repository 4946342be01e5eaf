-- Transfers, their entries and refusals: what is written once and never changed. Claims, transfers and entries lie in
-- partitions of a month (UTC).

-- Every id ever sent, of a transfer or a group (as ledger.transfers.claim_of_group makes it) or another request. A
-- transfer's content stands in its own row or in its refusal's, so that a retry is compared with that; a hash is kept
-- of other requests only, such as a capture. In partitions by id, as transfers are: unique over all of them. Those of
-- months long past can be taken away (ledger.retire_claims_v1); what tells such a time is refused from then on.
CREATE TABLE ledger.claim (
    id uuid PRIMARY KEY,
    content_hash bytea CHECK (octet_length(content_hash) = 32)
) PARTITION BY RANGE (id);

-- Numbers are taken when a row is inserted, which is when its accounts are locked and their state is known: of two
-- rows on one account the later has the higher number. Transaction ids do not do that: they are given at a
-- transaction's first write, before it waits for its accounts. CACHE 1: a session that kept numbers in stock would
-- break the order. Gaps are ordinary: each number leaves room on both sides for the refusals of the largest batch, so
-- that they stand among its transfers in the order in which they were decided.
CREATE SEQUENCE ledger.event_position AS bigint INCREMENT BY 32768 CACHE 1;

-- A transfer moves `amount` minor units from the debited to the credited account. It names the version and the
-- balance each account reaches by it. xact orders extraction: rows of a transaction still running are not read.
-- Its partition goes by its id, which is unique over all partitions that way and, as a UUID of version 7, tells its
-- time; ids that tell a time to come have one, and those above all times, as every key's, another.
-- Without checks: each statement would read them anew, which takes as long as to write the row. The posting functions,
-- which alone write it, check what they are given.
CREATE TABLE ledger.transfer (
    id uuid PRIMARY KEY,
    debit_account uuid NOT NULL,
    credit_account uuid NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    operation text NOT NULL,
    reference text,
    group_id uuid,
    effective_at timestamptz NOT NULL,
    posted_at timestamptz NOT NULL,
    debit_version bigint NOT NULL,
    debit_balance bigint NOT NULL,
    credit_version bigint NOT NULL,
    credit_balance bigint NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    position bigint NOT NULL DEFAULT nextval('ledger.event_position')
) PARTITION BY RANGE (id);

-- The history, the proof log and the outbox read transfers and refusals by ranges of transactions or positions.
CREATE INDEX transfer_xact ON ledger.transfer USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX transfer_position ON ledger.transfer USING brin (position) WITH (pages_per_range = 32, autosummarize = on);

-- What counts at a time before it was posted, by account: what a balance by effective time differs in from the one by
-- time of posting. All that is read is in it. Transfers that count when they are posted pay nothing for it.
CREATE INDEX transfer_late_debit ON ledger.transfer (debit_account, posted_at) INCLUDE (effective_at, amount)
    WHERE effective_at < posted_at;
CREATE INDEX transfer_late_credit ON ledger.transfer (credit_account, posted_at) INCLUDE (effective_at, amount)
    WHERE effective_at < posted_at;

-- The two sides of each transfer. amount: positive where it debits the account and negative where it credits it, so
-- that the two entries of a transfer cancel. The time of posting, by which the partitions go, is in the key before the
-- version: a balance at a moment is one probe of one partition's index.
CREATE TABLE ledger.entry (
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    transfer_id uuid NOT NULL,
    amount bigint NOT NULL,
    balance_after bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, posted_at, version)
) PARTITION BY RANGE (posted_at);

-- What was posted after a moment is read from the end of the table: the chart of accounts as of a past day's end.
CREATE INDEX entry_posted_at ON ledger.entry USING brin (posted_at) WITH (pages_per_range = 32, autosummarize = on);

-- A transfer that was refused: the rule, its numbers and its source.
CREATE TABLE ledger.refusal (
    transfer_id uuid PRIMARY KEY,
    debit_account uuid NOT NULL,
    credit_account uuid NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    operation text NOT NULL,
    reference text,
    group_id uuid,
    effective_at timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    rule text NOT NULL,
    decision text NOT NULL,
    source text NOT NULL,
    numbers jsonb NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    position bigint NOT NULL DEFAULT nextval('ledger.event_position')
);

-- Refusals of an account and of a time, in order, for who reads them: refusals are rare, and pay for it alone.
CREATE INDEX refusal_debit ON ledger.refusal (debit_account, decided_at, transfer_id);
CREATE INDEX refusal_credit ON ledger.refusal (credit_account, decided_at, transfer_id);
CREATE INDEX refusal_decided ON ledger.refusal (decided_at, transfer_id);
CREATE INDEX refusal_xact ON ledger.refusal USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX refusal_position ON ledger.refusal USING brin (position) WITH (pages_per_range = 32, autosummarize = on);

-- What an operator gave with a transfer, a refused one or a hold, where it gave anything: its own key, from which the
-- id follows, and metadata, a small JSON object. Apart from the transfer's row, so that those without pay nothing.
CREATE TABLE ledger.transfer_note (
    id uuid PRIMARY KEY,
    key text CHECK (length(key) BETWEEN 1 AND 128),
    metadata jsonb,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    CHECK (key IS NOT NULL OR metadata IS NOT NULL),
    CONSTRAINT transfer_note_size CHECK (
        jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 4096
    )
);

CREATE INDEX transfer_note_xact ON ledger.transfer_note USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer_note
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.claim
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.refusal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- The first UUID of version 7 of a moment, as far as order goes.
CREATE FUNCTION ledger.first_id(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- Whether an id tells a time: a UUID of version 7, or the claim of a group of one, which is of no variant.
CREATE FUNCTION ledger.tells_time(id uuid) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN get_byte(uuid_send(id), 6) >> 4 = 7;

-- Up to where the first partitions reach, which have all that tells an earlier time. retired: that was taken away, but
-- for what is no time.
CREATE TABLE ledger.partition_start (
    name text PRIMARY KEY,
    until timestamptz NOT NULL,
    retired boolean NOT NULL DEFAULT false
);

INSERT INTO ledger.partition_start (name, until)
SELECT name, date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
FROM unnest(ARRAY['claim', 'entry', 'transfer']) AS name;

-- Make one partition as a table of its own and attach it, for which posting need not wait. What tells a time in it and
-- was sent before the time had come is moved to it from where it was kept till then: with it there, it cannot be attached.
CREATE FUNCTION ledger.make_partition_v1(parent text, suffix text, first text, last text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part constant text := parent || '_' || suffix;
    ahead constant text := parent || '_ahead';
    strays boolean := false;
BEGIN
    EXECUTE format('CREATE TABLE ledger.%I (LIKE ledger.%I INCLUDING ALL)', part, parent);
    IF to_regclass('ledger.' || ahead) IS NOT NULL THEN
        EXECUTE format('LOCK TABLE ledger.%I', ahead);
        EXECUTE format('SELECT EXISTS (SELECT FROM ledger.%I WHERE id >= %L AND id < %L)', ahead, first, last) INTO strays;
    END IF;
    IF strays THEN
        EXECUTE format('ALTER TABLE ledger.%I DISABLE TRIGGER append_only', ahead);
        EXECUTE format('WITH moved AS (DELETE FROM ledger.%I WHERE id >= %L AND id < %L RETURNING *)
                        INSERT INTO ledger.%I SELECT * FROM moved', ahead, first, last, part);
        EXECUTE format('ALTER TABLE ledger.%I ENABLE TRIGGER append_only', ahead);
    END IF;
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I
                    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', part);
    EXECUTE format('ALTER TABLE ledger.%I ATTACH PARTITION ledger.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, part, first, last);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.make_partition_v1 FROM PUBLIC;

-- Make the partitions of `months` months from that of `first` on, where they are missing. The application may: it
-- posts at a moment for which there is none yet, or its job makes those of the months to come.
CREATE FUNCTION ledger.make_partitions_v1(first timestamptz, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '10s'
AS $$
DECLARE
    parent text;
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
        FOREACH parent IN ARRAY ARRAY['claim', 'entry', 'transfer'] LOOP
            CONTINUE WHEN to_regclass('ledger.' || parent || '_' || suffix) IS NOT NULL
                OR starts < (SELECT until FROM ledger.partition_start WHERE name = parent);
            IF parent = 'entry' THEN
                PERFORM ledger.make_partition_v1(parent, suffix, starts::text, ends::text);
            ELSE
                PERFORM ledger.make_partition_v1(
                    parent, suffix, ledger.first_id(starts)::text, ledger.first_id(ends)::text);
            END IF;
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.make_partitions_v1(timestamptz, integer) FROM PUBLIC;

-- What tells a time before this month, this month and the two after it, a time to come, and, above all times, the rest:
-- every id of a key is there, so that a new month waits for no search among them.
DO $$
DECLARE
    this_month timestamptz := (SELECT until FROM ledger.partition_start WHERE name = 'entry');
    parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['claim', 'transfer'] LOOP
        EXECUTE format('CREATE TABLE ledger.%I PARTITION OF ledger.%I FOR VALUES FROM (MINVALUE) TO (%L)',
                       parent || '_before', parent, ledger.first_id(this_month));
        EXECUTE format('CREATE TABLE ledger.%I PARTITION OF ledger.%I FOR VALUES FROM (%L) TO (MAXVALUE)',
                       parent || '_other', parent, '80000000-0000-0000-0000-000000000000');
        EXECUTE format('CREATE TABLE ledger.%I PARTITION OF ledger.%I DEFAULT', parent || '_ahead', parent);
    END LOOP;
    EXECUTE format('CREATE TABLE ledger.entry_before PARTITION OF ledger.entry
                    FOR VALUES FROM (MINVALUE) TO (%L)', this_month);
    FOREACH parent IN ARRAY ARRAY['claim_before', 'claim_other', 'claim_ahead', 'transfer_before', 'transfer_other',
        'transfer_ahead', 'entry_before']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', parent);
    END LOOP;
    PERFORM ledger.make_partitions_v1(this_month, 3);
END
$$;

-- Take away the claims of ids that tell a time before the month of `before`, for good; gives the tables that they are
-- in from then on, which are no more than that: for the owner to keep elsewhere, and drop. From then on such an id is
-- refused, whether it was used or not. Ids that tell no time fall into any month, and stay, in the first partition.
-- Each table has an index of these, by which they are found at once (ledger.posting.partitions makes it before): while
-- this runs, postings wait.
CREATE FUNCTION ledger.retire_claims_v1(before timestamptz) RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET enable_seqscan = off
AS $$
DECLARE
    month constant timestamptz := date_trunc('month', before AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    begun ledger.partition_start;
    part text;
    renamed text;
BEGIN
    IF before IS NULL OR month > (date_trunc('month', now() AT TIME ZONE 'UTC') - interval '3 months') AT TIME ZONE 'UTC' THEN
        RAISE EXCEPTION 'ledger: the claims of this month and the three before it stay'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger.make_partitions', 0));
    SELECT * INTO STRICT begun FROM ledger.partition_start WHERE name = 'claim';
    IF month < begun.until OR month = begun.until AND begun.retired THEN
        RETURN;
    END IF;
    LOCK TABLE ledger.claim;
    CREATE TABLE ledger.claim_kept (LIKE ledger.claim INCLUDING ALL);
    FOR part IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'ledger.claim'::regclass
            AND (c.relname = 'claim_before' OR c.relname ~ '^claim_[0-9]{4}_[0-9]{2}$'
                 AND c.relname < 'claim_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM'))
        ORDER BY c.relname
    LOOP
        EXECUTE format('INSERT INTO ledger.claim_kept SELECT * FROM ledger.%I WHERE NOT ledger.tells_time(id)', part);
        EXECUTE format('ALTER TABLE ledger.claim DETACH PARTITION ledger.%I', part);
        IF part <> 'claim_before' THEN
            RETURN NEXT part;
        ELSIF begun.retired THEN
            DROP TABLE ledger.claim_before;
        ELSE
            renamed := 'claim_until_' || to_char(begun.until AT TIME ZONE 'UTC', 'YYYY_MM');
            EXECUTE format('ALTER TABLE ledger.claim_before RENAME TO %I', renamed);
            EXECUTE format('ALTER INDEX IF EXISTS ledger.claim_before_kept RENAME TO %I', renamed || '_kept');
            RETURN NEXT renamed;
        END IF;
    END LOOP;
    ALTER TABLE ledger.claim_kept RENAME TO claim_before;
    ALTER TABLE ledger.claim_before ADD CONSTRAINT claim_retired CHECK (NOT ledger.tells_time(id));
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.claim_before
        FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
    EXECUTE format('ALTER TABLE ledger.claim ATTACH PARTITION ledger.claim_before FOR VALUES FROM (MINVALUE) TO (%L)',
                   ledger.first_id(month));
    UPDATE ledger.partition_start SET until = month, retired = true WHERE name = 'claim';
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.retire_claims_v1 FROM PUBLIC;
