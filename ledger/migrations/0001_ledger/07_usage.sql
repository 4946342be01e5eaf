-- What an account's limits count, read from the transfers and holds themselves: for a wallet that comes under another
-- profile, and for whoever checks the counters.

-- Each transfer, and each hold with what was captured of it, that counts for an account and was posted or placed since a
-- moment: with whom, by which code, when, and how much of it was not given back.
CREATE FUNCTION ledger.counting_v1(asked_account uuid, after_version bigint, since timestamptz)
RETURNS TABLE (other uuid, code integer, counted_at timestamptz, amount bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN e.amount > 0 THEN t.credit_account ELSE t.debit_account END,
        array_position(ledger.operation_list(), t.operation) + CASE WHEN e.amount > 0 THEN 32 ELSE 0 END, t.effective_at,
        t.amount - coalesce((SELECT sum(r.amount) FROM ledger.reversal AS r WHERE r.original_id = t.id), 0)::bigint
    FROM ledger.entry AS e JOIN ledger.transfer AS t ON t.id = e.transfer_id
    WHERE e.account_id = asked_account AND e.posted_at >= since AND e.version > coalesce(after_version, 0) AND t.operation NOT IN ('refund', 'reversal')
      AND NOT EXISTS (SELECT FROM ledger.hold_event AS c WHERE c.id = t.id AND c.kind = 'captured')
    UNION ALL
    SELECT CASE WHEN out THEN h.credit_account ELSE h.debit_account END,
        array_position(ledger.operation_list(), h.operation) + CASE WHEN out THEN 32 ELSE 0 END, h.placed_at,
        h.amount
        - coalesce((SELECT sum(c.amount) FROM ledger.hold_event AS c WHERE c.hold_id = h.id AND c.kind <> 'captured'), 0)::bigint
        - coalesce((
            SELECT sum(r.amount) FROM ledger.hold_event AS c JOIN ledger.reversal AS r ON r.original_id = c.transfer_id
            WHERE c.hold_id = h.id AND c.kind = 'captured'
        ), 0)::bigint
    FROM ledger.hold AS h, LATERAL (SELECT h.debit_account = asked_account) AS o (out)
    WHERE asked_account IN (h.debit_account, h.credit_account) AND h.placed_at >= since
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
        FROM ledger.counting_v1(account.id, account.counted_from, since)
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

-- Where what is counted of a wallet is not what its transfers and holds come to, as far as its windows reach: the day,
-- what was counted and what it should be, by slot. what: moved on that day, or before it in the slots' windows.
-- since: days that were over before this moment are taken as they were counted.
CREATE FUNCTION ledger.usage_breaches_v1(asked uuid, since timestamptz DEFAULT '-infinity') RETURNS TABLE (other_id uuid, day date, what text, expected bigint[], found bigint[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account ledger.account;
    guard ledger.guard;
    latest date;
    first date;
BEGIN
    SELECT * INTO account FROM ledger.account WHERE id = asked;
    SELECT * INTO guard FROM ledger.guard AS g WHERE g.profile_id = account.profile_id AND g.ends_at > '9000-01-15';
    IF guard.profile_id IS NULL OR (guard.slots = 0 AND cardinality(guard.payee_masks) = 0) THEN
        RETURN;
    END IF;
    latest := coalesce(account.counted_on, (account.last_posted_at AT TIME ZONE guard.time_zone)::date);
    SELECT min(ledger.window_first(c.span, latest, guard.fiscal_year_starts)) INTO first
    FROM ledger.limit_counter AS c WHERE c.profile_id = account.profile_id;
    first := least(greatest(first, (since AT TIME ZONE guard.time_zone)::date), latest);

    RETURN QUERY
    WITH expected AS (
        SELECT r.other_id, r.day, r.moved
        FROM ledger.recounted_v1(account, guard, first::timestamp AT TIME ZONE guard.time_zone) AS r
        WHERE r.day >= first AND 0 <> ANY (r.moved)
    ), counted AS (
        SELECT nullif(u.other_id, '00000000-0000-0000-0000-000000000000') AS other_id, u.day, u.moved
        FROM ledger.usage_day AS u WHERE u.account_id = account.id AND u.day >= first
        UNION ALL
        SELECT NULL, account.counted_on, account.counters[1 : guard.slots] WHERE account.counted_on IS NOT NULL
    )
    SELECT coalesce(e.other_id, c.other_id), coalesce(e.day, c.day), 'moved', e.moved, c.moved
    FROM expected AS e FULL JOIN (SELECT * FROM counted AS u WHERE 0 <> ANY (u.moved)) AS c
        ON c.day = e.day AND c.other_id IS NOT DISTINCT FROM e.other_id
    WHERE e.moved IS DISTINCT FROM c.moved
    UNION ALL
    SELECT NULL, account.counted_on, 'before', s.before, account.counters[guard.slots + 1 :]
    FROM (
        SELECT array_agg(coalesce((
            SELECT sum(u.moved[slot])
            FROM (
                SELECT x.day, x.moved FROM expected AS x WHERE x.other_id IS NULL
                UNION ALL
                SELECT d.day, d.moved FROM ledger.usage_day AS d
                WHERE d.account_id = account.id AND d.other_id = '00000000-0000-0000-0000-000000000000' AND d.day < first
            ) AS u
            WHERE u.day < account.counted_on
              AND u.day >= ledger.window_first(guard.spans[slot], account.counted_on, guard.fiscal_year_starts)
        ), 0)::bigint ORDER BY slot) AS before
        FROM generate_series(1, guard.slots) AS slot
    ) AS s
    WHERE account.counted_on IS NOT NULL AND s.before <> account.counters[guard.slots + 1 :];
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.usage_breaches_v1 FROM PUBLIC;
