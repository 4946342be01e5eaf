-- Closed periods: up to when the books are closed, and what they came to.

-- Closed periods. Each begins where the one before ends, the first with the ledger. The last one's end is the
-- watermark: no transfer that is posted from then on counts (effective_at) before it.
CREATE TABLE ledger.closed_period (
    ends_at timestamptz PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 32),
    starts_at timestamptz UNIQUE,
    time_zone text NOT NULL,
    closed_at timestamptz NOT NULL,
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    CHECK (starts_at < ends_at),
    CHECK (closed_at >= ends_at)
);

-- What counted before a period's end, summed once it was closed: how many transfers, and each line of the trial
-- balance by effective time.
CREATE TABLE ledger.period_sum (
    ends_at timestamptz PRIMARY KEY REFERENCES ledger.closed_period (ends_at),
    transfers bigint NOT NULL CHECK (transfers >= 0),
    summed_at timestamptz NOT NULL
);
CREATE TABLE ledger.period_total (
    ends_at timestamptz NOT NULL REFERENCES ledger.period_sum (ends_at),
    currency text NOT NULL,
    kind text NOT NULL,
    debits bigint NOT NULL CHECK (debits >= 0),
    credits bigint NOT NULL CHECK (credits >= 0),
    PRIMARY KEY (ends_at, currency, kind)
);

-- Closing waits until every posting under way has ended, and postings wait until the close has: each posting holds
-- ROW EXCLUSIVE on ledger.transfer from its insert to its end, and this lock conflicts with it and with itself.
-- So a transfer was committed before the close, and is in its totals, or its posting sees the close, below.
CREATE FUNCTION ledger.close_period_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    watermark timestamptz;
BEGIN
    IF TG_RELID <> 'ledger.closed_period'::regclass OR current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'ledger: periods are closed in ledger.closed_period, in the isolation level read committed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    LOCK TABLE ledger.transfer IN SHARE ROW EXCLUSIVE MODE;
    SELECT max(ends_at) INTO watermark FROM ledger.closed_period;
    IF NEW.starts_at IS DISTINCT FROM watermark OR NEW.ends_at <= watermark THEN
        RAISE EXCEPTION 'ledger: the period % does not follow the last closed one', NEW.name
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.close_period_v1() FROM PUBLIC;

CREATE TRIGGER close_period BEFORE INSERT ON ledger.closed_period
    FOR EACH ROW EXECUTE FUNCTION ledger.close_period_v1();

-- Of what is posted, the moment that counts first. One index probe, after everything else: a close that came meanwhile is
-- seen. In a transaction with an older snapshot it could not be.
CREATE FUNCTION ledger.refuse_closed_period_v1(counts_at timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    watermark timestamptz;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'ledger: transfers are posted in the isolation level read committed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT max(ends_at) INTO watermark FROM ledger.closed_period;
    IF counts_at < watermark THEN
        RAISE EXCEPTION 'ledger: a transfer counts before %, up to which the books are closed', watermark
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'open_period';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.refuse_closed_period_v1 FROM PUBLIC;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.closed_period
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.period_sum
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.period_total
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
