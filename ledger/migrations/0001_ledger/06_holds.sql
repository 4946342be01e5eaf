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

-- The holds that still reserve something, and how much. Follows from the two tables above, by trigger only. One whose
-- deadline is past binds nothing any more, and stands here until it is ended: the job does that, and whoever would be
-- refused because of it (ledger/posting/expiry.py), who finds it by its accounts.
CREATE TABLE ledger.open_hold (
    id uuid PRIMARY KEY REFERENCES ledger.hold (id),
    debit_account uuid NOT NULL,
    credit_account uuid NOT NULL,
    remaining bigint NOT NULL CHECK (remaining > 0),
    expires_at timestamptz NOT NULL
);

CREATE INDEX open_hold_expiry ON ledger.open_hold (expires_at);
CREATE INDEX open_hold_debit ON ledger.open_hold (debit_account, expires_at);
CREATE INDEX open_hold_credit ON ledger.open_hold (credit_account, expires_at);

-- What holds that have expired by a moment still reserve on an account and for it: what its row has too much.
CREATE FUNCTION ledger.expired_v1(account ledger.account, at timestamptz) RETURNS TABLE (outgoing bigint, incoming bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN account.debits_pending = 0 THEN 0 ELSE coalesce((
            SELECT sum(o.remaining) FROM ledger.open_hold AS o WHERE o.debit_account = account.id AND o.expires_at <= at
        ), 0) END::bigint,
        CASE WHEN account.credits_pending = 0 THEN 0 ELSE coalesce((
            SELECT sum(o.remaining) FROM ledger.open_hold AS o WHERE o.credit_account = account.id AND o.expires_at <= at
        ), 0) END::bigint;
END;

-- What a statement's holds reserve, account by account. With its owner's rights, as the posting has it: accounts are found
-- by index probes only.
CREATE FUNCTION ledger.place_hold_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    wrong uuid;
BEGIN
    IF TG_RELID <> 'ledger.hold'::regclass THEN
        RAISE EXCEPTION 'ledger: holds are placed from ledger.hold only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    WITH asked AS (
        SELECT account_id, sum(outgoing) AS outgoing, sum(incoming) AS incoming, min(currency) AS currency, max(currency) AS other_currency
        FROM (
            SELECT debit_account AS account_id, amount AS outgoing, 0 AS incoming, currency COLLATE "C" AS currency FROM placed
            UNION ALL SELECT credit_account, 0, amount, currency FROM placed
        ) AS side GROUP BY account_id
    ), held AS (
        UPDATE ledger.account AS a
        SET debits_pending = a.debits_pending + s.outgoing, credits_pending = a.credits_pending + s.incoming
        FROM asked AS s
        WHERE a.id = s.account_id AND a.currency = s.currency AND s.currency = s.other_currency AND a.sign = -1
          AND a.closed_at IS NULL AND NOT (a.frozen_debit AND s.outgoing > 0) AND NOT (a.frozen_credit AND s.incoming > 0)
        RETURNING a.id
    )
    SELECT s.account_id INTO wrong FROM asked AS s WHERE NOT EXISTS (SELECT FROM held WHERE held.id = s.account_id);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: account % cannot be held on or for', wrong USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO ledger.open_hold (id, debit_account, credit_account, remaining, expires_at)
    SELECT id, debit_account, credit_account, amount, expires_at FROM placed;
    PERFORM ledger.count_v1(p.debit_account, p.credit_account, n.number + 32, p.amount, 1, p.placed_at, NULL, 'placed'),
        ledger.count_v1(p.credit_account, p.debit_account, n.number, p.amount, 1, p.placed_at,
            (SELECT a.credits_posted - a.debits_posted + p.amount FROM ledger.account AS a WHERE a.id = p.credit_account),
            'placed')
    FROM placed AS p, LATERAL (SELECT array_position(ledger.operation_list(), p.operation)) AS n (number)
    WHERE p.operation NOT IN ('refund', 'reversal');
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.place_hold_v1() FROM PUBLIC;

CREATE TRIGGER place_hold AFTER INSERT ON ledger.hold
    REFERENCING NEW TABLE AS placed FOR EACH STATEMENT EXECUTE FUNCTION ledger.place_hold_v1();

-- Nothing is captured at or after the deadline, nothing expires before it, and never more than remains. Whatever else ends
-- a hold takes all that remains, and is its last event.
CREATE FUNCTION ledger.end_hold_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    wrong uuid;
BEGIN
    IF TG_RELID <> 'ledger.hold_event'::regclass THEN
        RAISE EXCEPTION 'ledger: holds end from ledger.hold_event only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT e.hold_id INTO wrong FROM (
        SELECT hold_id, sum(amount) AS amount, max(at) FILTER (WHERE kind = 'captured') AS captured_at,
               min(at) FILTER (WHERE kind = 'expired') AS expired_at, max(number) AS last,
               max(number) FILTER (WHERE kind <> 'captured') AS ended
        FROM ended GROUP BY hold_id
    ) AS e LEFT JOIN ledger.open_hold AS o ON o.id = e.hold_id
    WHERE o.id IS NULL OR e.amount > o.remaining OR e.captured_at >= o.expires_at OR e.expired_at < o.expires_at
       OR (e.ended IS NOT NULL AND (e.amount <> o.remaining OR e.ended <> e.last));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: hold % cannot be captured or ended so', wrong USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    DELETE FROM ledger.open_hold AS o USING (SELECT hold_id, sum(amount) AS amount FROM ended GROUP BY hold_id) AS e
    WHERE o.id = e.hold_id AND o.remaining = e.amount;
    UPDATE ledger.open_hold AS o SET remaining = o.remaining - e.amount
    FROM (SELECT hold_id, sum(amount) AS amount FROM ended GROUP BY hold_id) AS e WHERE o.id = e.hold_id;
    UPDATE ledger.account AS a
    SET debits_pending = a.debits_pending - s.outgoing, credits_pending = a.credits_pending - s.incoming
    FROM (
        SELECT account_id, sum(outgoing) AS outgoing, sum(incoming) AS incoming
        FROM ended AS e JOIN ledger.hold AS h ON h.id = e.hold_id,
            LATERAL (VALUES (h.debit_account, e.amount, 0), (h.credit_account, 0, e.amount)) AS side (account_id, outgoing, incoming)
        GROUP BY account_id
    ) AS s WHERE a.id = s.account_id;
    -- what is not captured is counted no longer; nor the hold, where all that was captured of it was given back
    PERFORM ledger.count_v1(h.debit_account, h.credit_account, n.number + 32, -e.amount, g.gone, h.placed_at),
        ledger.count_v1(h.credit_account, h.debit_account, n.number, -e.amount, g.gone, h.placed_at)
    FROM ended AS e JOIN ledger.hold AS h ON h.id = e.hold_id,
        LATERAL (SELECT array_position(ledger.operation_list(), h.operation)) AS n (number),
        LATERAL (
            SELECT CASE WHEN coalesce(sum(c.amount), 0) = coalesce(sum(r.amount), 0) THEN -1 ELSE 0 END
            FROM ledger.hold_event AS c
            LEFT JOIN LATERAL (SELECT sum(b.amount) AS amount FROM ledger.reversal AS b WHERE b.original_id = c.transfer_id) AS r ON true
            WHERE c.hold_id = h.id AND c.kind = 'captured'
        ) AS g (gone)
    WHERE e.kind <> 'captured' AND h.operation NOT IN ('refund', 'reversal');
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.end_hold_v1() FROM PUBLIC;

CREATE TRIGGER end_hold AFTER INSERT ON ledger.hold_event
    REFERENCING NEW TABLE AS ended FOR EACH STATEMENT EXECUTE FUNCTION ledger.end_hold_v1();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.hold
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.hold_event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
