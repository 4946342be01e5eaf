-- What an account's limits count, read from the transfers and holds themselves: for a wallet that comes under another
-- profile, and for whoever checks the counters.

-- Each transfer, and each hold with what was captured of it, that counts for these accounts (null: for all) and was posted
-- or placed since a moment: with whom, by which code, when, and how much of it was not given back.
CREATE FUNCTION ledger.counting_v1(accounts uuid[], since timestamptz)
RETURNS TABLE (account_id uuid, other uuid, code integer, counted_at timestamptz, amount bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT e.account_id, CASE WHEN e.amount > 0 THEN t.credit_account ELSE t.debit_account END,
        array_position(ledger.operation_list(), t.operation) + CASE WHEN e.amount > 0 THEN 32 ELSE 0 END, t.effective_at,
        t.amount - coalesce((SELECT sum(r.amount) FROM ledger.reversal AS r WHERE r.original_id = t.id), 0)::bigint
    FROM ledger.entry AS e
    JOIN ledger.transfer AS t ON t.id = e.transfer_id
    JOIN ledger.account AS a ON a.id = e.account_id AND a.profile_id IS NOT NULL AND e.version > coalesce(a.counted_from, 0)
    WHERE (accounts IS NULL OR e.account_id = ANY(accounts)) AND e.posted_at >= since
      AND t.operation NOT IN ('refund', 'reversal')
      AND NOT EXISTS (SELECT FROM ledger.hold_event AS c WHERE c.id = t.id AND c.kind = 'captured')
    UNION ALL
    SELECT s.account_id, s.other, array_position(ledger.operation_list(), h.operation) + s.out, h.placed_at,
        h.amount
        - coalesce((SELECT sum(c.amount) FROM ledger.hold_event AS c WHERE c.hold_id = h.id AND c.kind <> 'captured'), 0)::bigint
        - coalesce((
            SELECT sum(r.amount) FROM ledger.hold_event AS c JOIN ledger.reversal AS r ON r.original_id = c.transfer_id
            WHERE c.hold_id = h.id AND c.kind = 'captured'
        ), 0)::bigint
    FROM ledger.hold AS h
    CROSS JOIN LATERAL (VALUES (h.debit_account, h.credit_account, 32), (h.credit_account, h.debit_account, 0))
        AS s (account_id, other, out)
    WHERE (accounts IS NULL OR h.debit_account = ANY(accounts) OR h.credit_account = ANY(accounts))
      AND (accounts IS NULL OR s.account_id = ANY(accounts)) AND h.placed_at >= since
      AND h.operation NOT IN ('refund', 'reversal')
$$;
REVOKE EXECUTE ON FUNCTION ledger.counting_v1 FROM PUBLIC;

-- What stands in ledger.usage_day and in an account's counters, by what it moved: other_id is null for the wallet's own.
CREATE FUNCTION ledger.recounted_v1(account ledger.account, guard ledger.guard, since timestamptz)
RETURNS TABLE (other_id uuid, day date, moved bigint[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH counted AS MATERIALIZED (
        SELECT other, code, (counted_at AT TIME ZONE guard.time_zone)::date AS day, amount
        FROM ledger.counting_v1(ARRAY[account.id], since)
    ), moved AS (
        SELECT NULL::uuid AS other_id, day, slot,
            sum(CASE WHEN guard.numbers[slot] THEN sign(amount)::bigint ELSE amount END)
                FILTER (WHERE (guard.masks[slot] >> code) & 1 = 1)::bigint AS moved
        FROM counted, generate_series(1, guard.slots) AS slot GROUP BY day, slot
        UNION ALL
        SELECT other, day, slot,
            sum(CASE WHEN guard.payee_numbers[slot] THEN sign(amount)::bigint ELSE amount END)
                FILTER (WHERE (guard.payee_masks[slot] >> code) & 1 = 1)::bigint
        FROM counted, generate_series(1, cardinality(guard.payee_masks)) AS slot GROUP BY other, day, slot
    )
    SELECT other_id, day, array_agg(coalesce(moved, 0) ORDER BY slot)
    FROM moved GROUP BY other_id, day HAVING bool_or(moved <> 0)
$$;
REVOKE EXECUTE ON FUNCTION ledger.recounted_v1 FROM PUBLIC;

-- A wallet that comes under another profile has moved what it has moved: where that one counts otherwise, its counters are
-- read from its transfers. What moved while it was under none counts in no limit.
CREATE FUNCTION ledger.recount_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard ledger.guard;
    same boolean;
    latest date;
    since timestamptz;
BEGIN
    IF TG_RELID <> 'ledger.account'::regclass THEN
        RAISE EXCEPTION 'ledger: counters are those of ledger.account' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT * INTO guard FROM ledger.guard AS g WHERE g.profile_id = NEW.profile_id AND g.ends_at > '9000-01-15';
    SELECT (g.time_zone, g.fiscal_year_starts, g.masks, g.numbers, g.spans, g.payee_masks, g.payee_numbers)
         = (guard.time_zone, guard.fiscal_year_starts, guard.masks, guard.numbers, guard.spans, guard.payee_masks,
            guard.payee_numbers)
    INTO same FROM ledger.guard AS g WHERE g.profile_id = OLD.profile_id AND g.ends_at > '9000-01-15';
    IF same THEN
        RETURN NEW;
    END IF;

    DELETE FROM ledger.usage_day WHERE account_id = NEW.id;
    NEW.counted_on := NULL;
    NEW.counters := NULL;
    IF OLD.profile_id IS NULL THEN
        NEW.counted_from := NEW.version;
    ELSIF guard.slots > 0 OR cardinality(guard.payee_masks) > 0 THEN
        latest := (greatest(NEW.last_posted_at, (
            SELECT max(h.placed_at) FROM ledger.hold AS h WHERE NEW.id IN (h.debit_account, h.credit_account)
        )) AT TIME ZONE guard.time_zone)::date;
        SELECT min(ledger.window_first(c.span, latest, guard.fiscal_year_starts))::timestamp AT TIME ZONE guard.time_zone
        INTO since FROM ledger.limit_counter AS c WHERE c.profile_id = NEW.profile_id;
        INSERT INTO ledger.usage_day (account_id, other_id, day, moved)
        SELECT NEW.id, coalesce(r.other_id, '00000000-0000-0000-0000-000000000000'), r.day, r.moved
        FROM ledger.recounted_v1(NEW, guard, since) AS r;
        IF guard.slots > 0 THEN
            -- the latest day goes from the days to the account
            SELECT max(u.day) INTO latest FROM ledger.usage_day AS u
            WHERE u.account_id = NEW.id AND u.other_id = '00000000-0000-0000-0000-000000000000';
            IF latest IS NOT NULL THEN
                NEW.counted_on := latest;
                SELECT array_agg(coalesce((
                    SELECT sum(u.moved[k.slot]) FROM ledger.usage_day AS u
                    WHERE u.account_id = NEW.id AND u.other_id = '00000000-0000-0000-0000-000000000000'
                      AND CASE WHEN k.today THEN u.day = latest
                          ELSE u.day < latest AND u.day >= ledger.window_first(guard.spans[k.slot], latest, guard.fiscal_year_starts)
                          END
                ), 0)::bigint ORDER BY k.today DESC, k.slot)
                INTO NEW.counters
                FROM (SELECT slot, today FROM generate_series(1, guard.slots) AS slot, unnest(ARRAY[true, false]) AS today) AS k;
                DELETE FROM ledger.usage_day
                WHERE account_id = NEW.id AND other_id = '00000000-0000-0000-0000-000000000000' AND day = latest;
            END IF;
        END IF;
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.recount_v1() FROM PUBLIC;

CREATE TRIGGER recount BEFORE UPDATE OF profile_id ON ledger.account FOR EACH ROW
    WHEN (OLD.profile_id IS DISTINCT FROM NEW.profile_id) EXECUTE FUNCTION ledger.recount_v1();

-- A capture is the transfer that its hold was placed for: when the transaction ends, it is there.
CREATE FUNCTION ledger.check_capture_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM ledger.hold AS h JOIN ledger.transfer AS t ON t.id = NEW.transfer_id
    WHERE h.id = NEW.hold_id
      AND (t.debit_account, t.credit_account, t.currency, t.operation, t.amount)
        = (h.debit_account, h.credit_account, h.currency, h.operation, NEW.amount);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: hold % is captured by a transfer that is not there, or another', NEW.hold_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER captured_by_a_transfer AFTER INSERT ON ledger.hold_event
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind = 'captured') EXECUTE FUNCTION ledger.check_capture_v1();

-- What wallets moved, slot by slot and day by day, for people with questions. other_id: null for the wallet's own.
CREATE VIEW ledger.usage_moved AS
SELECT d.account_id, nullif(d.other_id, '00000000-0000-0000-0000-000000000000') AS other_id, d.day, c.slot, c.measure,
    c.mask, c.span, d.moved[c.slot] AS moved
FROM (
    SELECT account_id, other_id, day, moved FROM ledger.usage_day
    UNION ALL
    SELECT id, '00000000-0000-0000-0000-000000000000', counted_on, counters FROM ledger.account WHERE counted_on IS NOT NULL
) AS d
JOIN ledger.account AS a ON a.id = d.account_id
JOIN ledger.limit_counter AS c
    ON c.profile_id = a.profile_id AND c.per_payee = (d.other_id <> '00000000-0000-0000-0000-000000000000');

-- Where what is counted of these wallets (null: of all) is not what their transfers and holds come to, as far as their windows
-- reach: the day, what was counted and what it should be, by slot. what: moved on that day, or before it in the slots'
-- windows. since: days that were over before this moment are taken as they were counted.
CREATE FUNCTION ledger.usage_breaches_v1(accounts uuid[] DEFAULT NULL, since timestamptz DEFAULT '-infinity')
RETURNS TABLE (account_id uuid, other_id uuid, day date, what text, expected bigint[], found bigint[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH wallet AS MATERIALIZED (
        SELECT a.id, a.counted_on, a.counters, g.time_zone, g.fiscal_year_starts, g.slots, g.masks, g.numbers, g.spans,
            g.payee_masks, g.payee_numbers, w.first AS reach,
            greatest(w.first, (since AT TIME ZONE g.time_zone)::date) AS first
        FROM ledger.account AS a
        JOIN ledger.guard AS g ON g.profile_id = a.profile_id AND g.ends_at > '9000-01-15'
        CROSS JOIN LATERAL (
            SELECT min(ledger.window_first(c.span, coalesce(a.counted_on, (a.last_posted_at AT TIME ZONE g.time_zone)::date),
                g.fiscal_year_starts)) AS first
            FROM ledger.limit_counter AS c WHERE c.profile_id = a.profile_id
        ) AS w
        WHERE (accounts IS NULL OR a.id = ANY(accounts)) AND (g.slots > 0 OR cardinality(g.payee_masks) > 0)
    ), counted AS MATERIALIZED (
        -- a day begins up to a day earlier in one zone than in another
        SELECT w.id, c.other, c.code, (c.counted_at AT TIME ZONE w.time_zone)::date AS day, c.amount
        FROM ledger.counting_v1(accounts, since - interval '2 days') AS c JOIN wallet AS w ON w.id = c.account_id
        WHERE (c.counted_at AT TIME ZONE w.time_zone)::date >= w.first
    ), moved AS (
        SELECT c.id, NULL::uuid AS other_id, c.day, slot,
            sum(CASE WHEN w.numbers[slot] THEN sign(c.amount)::bigint ELSE c.amount END)
                FILTER (WHERE (w.masks[slot] >> c.code) & 1 = 1)::bigint AS moved
        FROM counted AS c JOIN wallet AS w ON w.id = c.id, generate_series(1, w.slots) AS slot GROUP BY 1, 3, 4
        UNION ALL
        SELECT c.id, c.other, c.day, slot,
            sum(CASE WHEN w.payee_numbers[slot] THEN sign(c.amount)::bigint ELSE c.amount END)
                FILTER (WHERE (w.payee_masks[slot] >> c.code) & 1 = 1)::bigint
        FROM counted AS c JOIN wallet AS w ON w.id = c.id, generate_series(1, cardinality(w.payee_masks)) AS slot
        WHERE cardinality(w.payee_masks) > 0
        GROUP BY 1, 2, 3, 4
    ), expected AS MATERIALIZED (
        SELECT m.id, m.other_id, m.day, array_agg(coalesce(m.moved, 0) ORDER BY m.slot) AS moved
        FROM moved AS m GROUP BY 1, 2, 3 HAVING bool_or(m.moved <> 0)
    ), stored AS (
        SELECT w.id, nullif(u.other_id, '00000000-0000-0000-0000-000000000000') AS other_id, u.day, u.moved
        FROM wallet AS w JOIN ledger.usage_day AS u ON u.account_id = w.id AND u.day >= w.first
        UNION ALL
        SELECT w.id, NULL, w.counted_on, w.counters[1 : w.slots] FROM wallet AS w WHERE w.counted_on >= w.first
    ), before AS (
        SELECT x.id, slot, sum(x.moved[slot]) AS moved
        FROM (
            SELECT e.id, e.day, e.moved FROM expected AS e WHERE e.other_id IS NULL
            UNION ALL
            SELECT w.id, u.day, u.moved
            FROM wallet AS w
            JOIN ledger.usage_day AS u ON u.account_id = w.id AND u.other_id = '00000000-0000-0000-0000-000000000000'
                AND u.day >= w.reach AND u.day < w.first
        ) AS x
        JOIN wallet AS w ON w.id = x.id AND x.day < w.counted_on, generate_series(1, w.slots) AS slot
        WHERE x.day >= ledger.window_first(w.spans[slot], w.counted_on, w.fiscal_year_starts)
        GROUP BY 1, 2
    )
    SELECT coalesce(e.id, s.id), coalesce(e.other_id, s.other_id), coalesce(e.day, s.day), 'moved', e.moved, s.moved
    FROM expected AS e
    FULL JOIN (SELECT * FROM stored WHERE 0 <> ANY (moved)) AS s
        ON s.id = e.id AND s.day = e.day
            AND coalesce(s.other_id, '00000000-0000-0000-0000-000000000000') = coalesce(e.other_id, '00000000-0000-0000-0000-000000000000')
    WHERE e.moved IS DISTINCT FROM s.moved
    UNION ALL
    SELECT w.id, NULL, w.counted_on, 'before', b.moved, w.counters[w.slots + 1 :]
    FROM wallet AS w
    JOIN (
        SELECT w.id, array_agg(coalesce(b.moved, 0)::bigint ORDER BY k.slot) AS moved
        FROM wallet AS w CROSS JOIN LATERAL generate_series(1, w.slots) AS k (slot)
        LEFT JOIN before AS b ON b.id = w.id AND b.slot = k.slot
        GROUP BY w.id
    ) AS b ON b.id = w.id
    WHERE w.counted_on >= w.first AND b.moved <> w.counters[w.slots + 1 :]
$$;
REVOKE EXECUTE ON FUNCTION ledger.usage_breaches_v1 FROM PUBLIC;
