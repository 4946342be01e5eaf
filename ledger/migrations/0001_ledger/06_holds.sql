-- Holds: part of an account's balance, reserved for another account until a deadline.

-- A hold reserves `amount` minor units of the debited account for the credited one, until `expires_at`.
CREATE TABLE ledger.hold (
    id uuid PRIMARY KEY,
    debit_account uuid NOT NULL REFERENCES ledger.account (id),
    credit_account uuid NOT NULL REFERENCES ledger.account (id),
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    operation text NOT NULL,
    reference text CHECK (length(reference) BETWEEN 1 AND 128),
    placed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    CHECK (debit_account <> credit_account),
    CHECK (expires_at > placed_at)
);

-- Holds of an account and of a time, in order: three index entries beside the six to nine round trips of placing one.
CREATE INDEX hold_debit ON ledger.hold (debit_account, placed_at, id);
CREATE INDEX hold_credit ON ledger.hold (credit_account, placed_at, id);
CREATE INDEX hold_placed ON ledger.hold (placed_at, id);
CREATE INDEX hold_xact ON ledger.hold USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- What became of it. A hold itself is never edited. transfer_id: the transfer that a capture posted, by which the
-- capture is named; whatever else ends a hold does so once, and is named by the hold.
CREATE TABLE ledger.hold_event (
    hold_id uuid NOT NULL REFERENCES ledger.hold (id),
    number int NOT NULL CHECK (number > 0),
    kind text NOT NULL CHECK (kind IN ('captured', 'released', 'voided', 'expired')),
    amount bigint NOT NULL CHECK (amount > 0),
    transfer_id uuid,
    at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    id uuid NOT NULL GENERATED ALWAYS AS (coalesce(transfer_id, hold_id)) STORED,
    PRIMARY KEY (hold_id, number),
    CHECK ((kind = 'captured') = (transfer_id IS NOT NULL))
);

CREATE UNIQUE INDEX hold_event_id ON ledger.hold_event (id);
CREATE INDEX hold_event_xact ON ledger.hold_event USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- The holds that still reserve something, and how much. Follows from the two tables above, by trigger only.
CREATE TABLE ledger.open_hold (
    id uuid PRIMARY KEY REFERENCES ledger.hold (id),
    remaining bigint NOT NULL CHECK (remaining > 0),
    expires_at timestamptz NOT NULL
);

CREATE INDEX open_hold_expiry ON ledger.open_hold (expires_at);

CREATE FUNCTION ledger.place_hold_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    number integer;
BEGIN
    IF TG_RELID <> 'ledger.hold'::regclass THEN
        RAISE EXCEPTION 'ledger: holds are placed from ledger.hold only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM ledger.check_moment_v1(NEW.placed_at);
    UPDATE ledger.account SET debits_pending = debits_pending + NEW.amount
    WHERE id = NEW.debit_account AND currency = NEW.currency AND sign = -1 AND closed_at IS NULL AND NOT frozen_debit;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: account % cannot be held', NEW.debit_account USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    UPDATE ledger.account SET credits_pending = credits_pending + NEW.amount
    WHERE id = NEW.credit_account AND currency = NEW.currency AND sign = -1 AND closed_at IS NULL AND NOT frozen_credit;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: account % cannot be held for', NEW.credit_account USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO ledger.open_hold (id, remaining, expires_at) VALUES (NEW.id, NEW.amount, NEW.expires_at);
    IF NEW.operation NOT IN ('refund', 'reversal') THEN
        number := array_position(ledger.operation_list(), NEW.operation);
        PERFORM ledger.count_v1(NEW.debit_account, NEW.credit_account, number + 32, NEW.amount, 1, NEW.placed_at,
            NULL, 'placed');
        PERFORM ledger.count_v1(NEW.credit_account, NEW.debit_account, number, NEW.amount, 1, NEW.placed_at,
            (SELECT a.credits_posted - a.debits_posted + NEW.amount FROM ledger.account AS a WHERE a.id = NEW.credit_account),
            'placed');
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.place_hold_v1() FROM PUBLIC;

CREATE TRIGGER place_hold AFTER INSERT ON ledger.hold FOR EACH ROW EXECUTE FUNCTION ledger.place_hold_v1();

-- Nothing is captured at or after the deadline, nothing expires before it, and never more than remains.
CREATE FUNCTION ledger.end_hold_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    placed ledger.hold;
    rest bigint;
    number integer;
    gone boolean;
BEGIN
    IF TG_RELID <> 'ledger.hold_event'::regclass THEN
        RAISE EXCEPTION 'ledger: holds end from ledger.hold_event only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM ledger.check_moment_v1(NEW.at);
    SELECT * INTO placed FROM ledger.hold WHERE id = NEW.hold_id;
    SELECT remaining - NEW.amount INTO rest FROM ledger.open_hold WHERE id = NEW.hold_id;
    IF rest IS NULL OR rest < 0
        OR (NEW.kind = 'captured' AND NEW.at >= placed.expires_at)
        OR (NEW.kind = 'expired' AND NEW.at < placed.expires_at)
        OR (NEW.kind <> 'captured' AND rest <> 0)
    THEN
        RAISE EXCEPTION 'ledger: hold % cannot be %', NEW.hold_id, NEW.kind USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF rest = 0 THEN
        DELETE FROM ledger.open_hold WHERE id = NEW.hold_id;
    ELSE
        UPDATE ledger.open_hold SET remaining = rest WHERE id = NEW.hold_id;
    END IF;
    UPDATE ledger.account SET debits_pending = debits_pending - NEW.amount WHERE id = placed.debit_account;
    UPDATE ledger.account SET credits_pending = credits_pending - NEW.amount WHERE id = placed.credit_account;
    -- what is not captured is counted no longer; nor the hold, where all that was captured of it was given back
    IF NEW.kind <> 'captured' AND placed.operation NOT IN ('refund', 'reversal') THEN
        number := array_position(ledger.operation_list(), placed.operation);
        SELECT coalesce(sum(e.amount), 0) = coalesce(sum(r.amount), 0) INTO gone
        FROM ledger.hold_event AS e
        LEFT JOIN LATERAL (SELECT sum(b.amount) AS amount FROM ledger.reversal AS b WHERE b.original_id = e.transfer_id) AS r ON true
        WHERE e.hold_id = placed.id AND e.kind = 'captured';
        PERFORM ledger.count_v1(placed.debit_account, placed.credit_account, number + 32, -NEW.amount,
            CASE WHEN gone THEN -1 ELSE 0 END, placed.placed_at);
        PERFORM ledger.count_v1(placed.credit_account, placed.debit_account, number, -NEW.amount,
            CASE WHEN gone THEN -1 ELSE 0 END, placed.placed_at);
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.end_hold_v1() FROM PUBLIC;

CREATE TRIGGER end_hold AFTER INSERT ON ledger.hold_event FOR EACH ROW EXECUTE FUNCTION ledger.end_hold_v1();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.hold
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.hold_event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
