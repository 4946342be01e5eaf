-- Transfers, their entries and refusals: what is written once and never changed. Transfers and entries lie in
-- partitions of a month (UTC).

-- Every id ever sent, of a transfer or a group (as ledger.transfers.claim_of_group makes it) or another request. A
-- transfer's content stands in its own row or in its refusal's, so that a retry is compared with that; a hash is kept
-- of other requests only, such as a capture.
CREATE TABLE ledger.claim (
    id uuid PRIMARY KEY,
    content_hash bytea CHECK (octet_length(content_hash) = 32)
);

-- Numbers are taken when a row is inserted, which is when its accounts are locked and their state is known: of two
-- rows on one account the later has the higher number. Transaction ids do not do that: they are given at a
-- transaction's first write, before it waits for its accounts. CACHE 1: a session that kept numbers in stock would
-- break the order. Gaps are ordinary: each number leaves room on both sides for the refusals of the largest batch, so
-- that they stand among its transfers in the order in which they were decided.
CREATE SEQUENCE ledger.event_position AS bigint INCREMENT BY 32768 CACHE 1;

-- A transfer moves `amount` minor units from the debited to the credited account. It names the version and the
-- balance each account reaches by it. xact orders extraction: rows of a transaction still running are not read.
-- Its partition goes by its id, which is unique over all partitions that way and, as a UUID of version 7, tells its
-- time; ids that tell a time for which there is no partition have one for the rest.
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

-- Up to where the first partitions reach, which have all that tells an earlier time.
CREATE TABLE ledger.partition_start (
    name text PRIMARY KEY,
    until timestamptz NOT NULL
);

INSERT INTO ledger.partition_start (name, until)
SELECT name, date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
FROM unnest(ARRAY['entry', 'transfer']) AS name;

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

-- What tells a time before this month, this month and the two after it, and the rest.
DO $$
DECLARE
    this_month timestamptz := (SELECT until FROM ledger.partition_start WHERE name = 'entry');
BEGIN
    EXECUTE format('CREATE TABLE ledger.entry_before PARTITION OF ledger.entry
                    FOR VALUES FROM (MINVALUE) TO (%L)', this_month);
    EXECUTE format('CREATE TABLE ledger.transfer_before PARTITION OF ledger.transfer
                    FOR VALUES FROM (MINVALUE) TO (%L)', ledger.first_id(this_month));
    PERFORM ledger.make_partitions_v1(this_month, 3);
END
$$;
CREATE TABLE ledger.transfer_other PARTITION OF ledger.transfer DEFAULT;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry_before
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer_before
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer_other
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
