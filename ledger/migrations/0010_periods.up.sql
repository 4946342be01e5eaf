-- Closed periods. Each begins where the one before ends, the first with the ledger. The last one's end is the
-- watermark: no transfer that is posted from then on counts (effective_at) before it.
CREATE TABLE ledger.closed_period (
    ends_at timestamptz PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 32),
    starts_at timestamptz UNIQUE,
    time_zone text NOT NULL,
    closed_at timestamptz NOT NULL,
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 128),
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
-- So a transfer was committed before the close, and is in its totals, or its trigger below sees the close.
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

-- One index probe and one pass over the batch. In a transaction with an older snapshot a close could not be seen.
CREATE FUNCTION ledger.refuse_closed_period_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    watermark timestamptz;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'ledger: transfers are posted in the isolation level read committed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT max(ends_at) INTO watermark FROM ledger.closed_period;
    IF watermark IS NOT NULL AND EXISTS (SELECT FROM posted WHERE effective_at < watermark) THEN
        RAISE EXCEPTION 'ledger: a transfer counts before %, up to which the books are closed', watermark
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'open_period';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.refuse_closed_period_v1() FROM PUBLIC;

CREATE TRIGGER open_period AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_closed_period_v1();

-- A dispute: a hold on the receiver of a transfer in favour of its payer, under the hold's id. It expires as the
-- hold does. Nothing refers to ledger.transfer by a foreign key; the trigger looks.
CREATE TABLE ledger.dispute (
    id uuid PRIMARY KEY REFERENCES ledger.hold (id),
    original_id uuid NOT NULL,
    reason_code text NOT NULL CHECK (reason_code ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$'),
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 128),
    opened_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);
CREATE INDEX dispute_original ON ledger.dispute (original_id);

-- How it was decided. amount: what was given back, 0 when rejected.
CREATE TABLE ledger.dispute_outcome (
    dispute_id uuid PRIMARY KEY REFERENCES ledger.dispute (id),
    kind text NOT NULL CHECK (kind IN ('upheld', 'rejected')),
    amount bigint NOT NULL CHECK (amount >= 0),
    transfer_id uuid,
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 128),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    CHECK ((kind = 'upheld') = (transfer_id IS NOT NULL)),
    CHECK ((kind = 'upheld') = (amount > 0))
);

-- The hold mirrors the original, and with what is given back of it and other open disputes it does not pass its
-- amount. Both accounts are locked by the placing of the hold, so disputes and refunds come one after the other.
CREATE FUNCTION ledger.check_dispute_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM ledger.transfer AS o JOIN ledger.hold AS h ON h.id = NEW.id
    WHERE o.id = NEW.original_id
      AND (h.debit_account, h.credit_account, h.currency, h.operation)
        = (o.credit_account, o.debit_account, o.currency, 'reversal')
      AND o.operation NOT IN ('refund', 'reversal')
      AND (SELECT coalesce(sum(r.amount), 0) FROM ledger.reversal AS r WHERE r.original_id = o.id)
        + (SELECT sum(p.remaining) FROM ledger.dispute AS d JOIN ledger.open_hold AS p ON p.id = d.id
           WHERE d.original_id = o.id) <= o.amount;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: hold % does not dispute transfer %', NEW.id, NEW.original_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_dispute_v1() FROM PUBLIC;

CREATE TRIGGER check_dispute AFTER INSERT ON ledger.dispute
    FOR EACH ROW EXECUTE FUNCTION ledger.check_dispute_v1();

-- An outcome is what became of the hold: captured once as a transfer that gives back the original, or voided whole.
CREATE FUNCTION ledger.check_dispute_outcome_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM ledger.dispute AS d
    WHERE d.id = NEW.dispute_id
      AND NOT EXISTS (SELECT FROM ledger.open_hold AS p WHERE p.id = d.id)
      AND CASE NEW.kind
          WHEN 'upheld' THEN EXISTS (
              SELECT FROM ledger.hold_event AS e
              JOIN ledger.reversal AS r ON r.transfer_id = e.transfer_id AND r.amount = e.amount
              WHERE e.hold_id = d.id AND e.number = 1 AND e.kind = 'captured'
                AND (e.transfer_id, e.amount, r.original_id) = (NEW.transfer_id, NEW.amount, d.original_id))
          ELSE EXISTS (
              SELECT FROM ledger.hold_event AS e WHERE e.hold_id = d.id AND e.number = 1 AND e.kind = 'voided')
          END;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: dispute % is not %', NEW.dispute_id, NEW.kind
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_dispute_outcome_v1() FROM PUBLIC;

CREATE TRIGGER check_dispute_outcome AFTER INSERT ON ledger.dispute_outcome
    FOR EACH ROW EXECUTE FUNCTION ledger.check_dispute_outcome_v1();

-- A hold that gives back is a dispute's, and ends by an outcome or by its deadline: when the transaction ends, the
-- record is there.
CREATE FUNCTION ledger.check_disputed_hold_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'hold' THEN
        PERFORM FROM ledger.dispute WHERE id = NEW.id;
    ELSE
        PERFORM FROM ledger.dispute_outcome WHERE dispute_id = NEW.hold_id;
        IF NOT FOUND THEN
            PERFORM FROM ledger.hold WHERE id = NEW.hold_id AND operation NOT IN ('refund', 'reversal');
        END IF;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: a hold that gives back is placed and ended by a dispute'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_disputed_hold_v1() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER held_for_dispute AFTER INSERT ON ledger.hold
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.operation IN ('refund', 'reversal')) EXECUTE FUNCTION ledger.check_disputed_hold_v1();
CREATE CONSTRAINT TRIGGER dispute_settled AFTER INSERT ON ledger.hold_event
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind <> 'expired') EXECUTE FUNCTION ledger.check_disputed_hold_v1();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.closed_period
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.period_sum
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.period_total
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.dispute
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.dispute_outcome
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT SELECT ON ledger.closed_period, ledger.period_sum, ledger.period_total, ledger.dispute, ledger.dispute_outcome
    TO emoney_app;
GRANT INSERT (ends_at, id, name, starts_at, time_zone, closed_at, actor) ON ledger.closed_period TO emoney_app;
GRANT INSERT ON ledger.period_sum, ledger.period_total TO emoney_app;
GRANT INSERT (id, original_id, reason_code, actor, opened_at) ON ledger.dispute TO emoney_app;
GRANT INSERT (dispute_id, kind, amount, transfer_id, actor, reason, at) ON ledger.dispute_outcome TO emoney_app;
