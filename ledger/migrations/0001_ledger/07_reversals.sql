-- Reversals and disputes: what is given back of a transfer, and what somebody asks to be given back.

-- Which transfer gives back which, and why.
CREATE TABLE ledger.reversal (
    transfer_id uuid PRIMARY KEY REFERENCES ledger.transfer (id),
    original_id uuid NOT NULL REFERENCES ledger.transfer (id),
    amount bigint NOT NULL CHECK (amount > 0),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);

CREATE INDEX reversal_original ON ledger.reversal (original_id);
CREATE INDEX reversal_xact ON ledger.reversal USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- Transfers that give back, from their posting to the end of its transaction: by then ledger.reversal says of what. They
-- pass no limits, so none is without an original. Emptied by the trigger.
CREATE TABLE ledger.unmatched_return (
    transfer_id uuid PRIMARY KEY
);

CREATE FUNCTION ledger.match_return_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_RELID <> 'ledger.unmatched_return'::regclass THEN
        RAISE EXCEPTION 'ledger: returns are matched from ledger.unmatched_return only'
            USING ERRCODE = 'integrity_constraint_violation';
    ELSIF NOT EXISTS (SELECT FROM ledger.reversal AS r WHERE r.transfer_id = NEW.transfer_id) THEN
        RAISE EXCEPTION 'ledger: transfer % gives back what no transfer moved', NEW.transfer_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    DELETE FROM ledger.unmatched_return AS u WHERE u.transfer_id = NEW.transfer_id;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.match_return_v1() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER match_return AFTER INSERT ON ledger.unmatched_return
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.match_return_v1();

-- A reversal mirrors its original and, with all others of it, never passes its amount. Both accounts are locked by
-- the posting of the transfer, so reversals of one transfer come one after the other.
-- What limits counted of the original is given back to the day that it counted on: a capture's, to its hold's.
CREATE FUNCTION ledger.check_reversal_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    original ledger.transfer;
    held ledger.hold;
    number integer;
    counted bigint;
    counted_at timestamptz;
BEGIN
    IF TG_RELID <> 'ledger.reversal'::regclass THEN
        RAISE EXCEPTION 'ledger: transfers are given back from ledger.reversal only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM FROM ledger.transfer AS o JOIN ledger.transfer AS t ON t.id = NEW.transfer_id
    WHERE o.id = NEW.original_id
      AND (t.debit_account, t.credit_account, t.currency, t.amount)
        = (o.credit_account, o.debit_account, o.currency, NEW.amount)
      AND t.operation IN ('refund', 'reversal') AND o.operation NOT IN ('refund', 'reversal')
      AND (SELECT sum(r.amount) FROM ledger.reversal AS r WHERE r.original_id = o.id) <= o.amount;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: transfer % does not give back %', NEW.transfer_id, NEW.original_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    SELECT * INTO original FROM ledger.transfer WHERE id = NEW.original_id;
    SELECT h.* INTO held FROM ledger.hold_event AS e JOIN ledger.hold AS h ON h.id = e.hold_id
    WHERE e.id = original.id AND e.kind = 'captured';
    counted := coalesce(held.amount, original.amount)
        - coalesce((SELECT sum(e.amount) FROM ledger.hold_event AS e WHERE e.hold_id = held.id AND e.kind <> 'captured'), 0)
        - coalesce((
            SELECT sum(r.amount) FROM ledger.reversal AS r
            WHERE r.original_id = ANY(original.id || ARRAY(
                SELECT e.transfer_id FROM ledger.hold_event AS e WHERE e.hold_id = held.id AND e.kind = 'captured'))
        ), 0);
    number := array_position(ledger.operation_list(), original.operation);
    counted_at := coalesce(held.placed_at, original.effective_at);
    PERFORM ledger.count_v1(a.id, original.credit_account, number + 32, -NEW.amount, CASE WHEN counted = 0 THEN -1 ELSE 0 END,
        counted_at)
    FROM ledger.account AS a
    WHERE a.id = original.debit_account AND original.debit_version > coalesce(a.counted_from, 0);
    PERFORM ledger.count_v1(a.id, original.debit_account, number, -NEW.amount, CASE WHEN counted = 0 THEN -1 ELSE 0 END,
        counted_at)
    FROM ledger.account AS a
    WHERE a.id = original.credit_account AND original.credit_version > coalesce(a.counted_from, 0);
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION ledger.check_reversal_v1() FROM PUBLIC;

CREATE TRIGGER check_reversal AFTER INSERT ON ledger.reversal
    FOR EACH ROW EXECUTE FUNCTION ledger.check_reversal_v1();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reversal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- A dispute: a hold on the receiver of a transfer in favour of its payer, under the hold's id. It expires as the
-- hold does. It refers to its transfer by no foreign key; the trigger looks.
CREATE TABLE ledger.dispute (
    id uuid PRIMARY KEY REFERENCES ledger.hold (id),
    original_id uuid NOT NULL,
    reason_code text NOT NULL CHECK (reason_code ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$'),
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    opened_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);

CREATE INDEX dispute_original ON ledger.dispute (original_id);
CREATE INDEX dispute_xact ON ledger.dispute USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- How it was decided. amount: what was given back, 0 when rejected.
CREATE TABLE ledger.dispute_outcome (
    dispute_id uuid PRIMARY KEY REFERENCES ledger.dispute (id),
    kind text NOT NULL CHECK (kind IN ('upheld', 'rejected')),
    amount bigint NOT NULL CHECK (amount >= 0),
    transfer_id uuid,
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    CHECK ((kind = 'upheld') = (transfer_id IS NOT NULL)),
    CHECK ((kind = 'upheld') = (amount > 0))
);

CREATE INDEX dispute_outcome_xact ON ledger.dispute_outcome 
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

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
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.dispute
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

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
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.dispute_outcome
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

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
