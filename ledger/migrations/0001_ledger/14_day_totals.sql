-- Day totals: what every account came to when a day was over, made once from that day's transfers, so that checking the
-- books costs what a day costs. Each is a leaf of the proof log by its digest.
--
-- A day is a range of transactions, not of times: from where the last one ended up to the oldest transaction that still
-- ran. All below that have ended, so their transfers are there or never will be, whatever time a posting that is still
-- open says it is made at, whosever clock it read, and in whatever order transactions took their accounts.

-- The transfers of the transactions from since_xact to below until_xact, from the ledger's beginning where since_xact is 0.
-- first_posted_at, last_posted_at: between which times they say they were posted. digest: over its parts and funds.
CREATE TABLE ledger.day_total (
    number bigint PRIMARY KEY CHECK (number > 0),
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    since_xact bigint NOT NULL UNIQUE CHECK (since_xact >= 0),
    until_xact bigint NOT NULL UNIQUE,
    transfers bigint NOT NULL CHECK (transfers > 0),
    first_posted_at timestamptz NOT NULL,
    last_posted_at timestamptz NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    CHECK (until_xact > since_xact),
    CHECK ((number = 1) = (since_xact = 0))
);
CREATE INDEX day_total_xact ON ledger.day_total USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- Accounts by the last ten bits of their ids. A row per account and day would take a sixth of what transfers do; a digest
-- per part takes nothing, and what differs is looked for among a thousandth of the accounts.
-- movements: digest of what each account that moved did so by in that day. states: of what all that ever moved have come
-- to. Both in the order of ids, as id (16 bytes), entries, debits and credits (8 each, big-endian).
CREATE TABLE ledger.day_total_part (
    number bigint NOT NULL,
    part smallint NOT NULL CHECK (part BETWEEN 0 AND 1023),
    movements bytea NOT NULL CHECK (octet_length(movements) = 32),
    states bytea NOT NULL CHECK (octet_length(states) = 32),
    PRIMARY KEY (number, part)
);

-- What was received and issued on each account of funds until then.
CREATE TABLE ledger.day_total_fund (
    number bigint NOT NULL,
    account_id uuid NOT NULL,
    purpose text NOT NULL,
    received bigint NOT NULL,
    drawn bigint NOT NULL,
    PRIMARY KEY (number, account_id, purpose)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.day_total
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.day_total_part
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.day_total_fund
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (20, 'ledger.day_total', 1, 'id', ARRAY[
        'number integer', 'since_xact integer', 'until_xact integer', 'transfers integer', 'first_posted_at time',
        'last_posted_at time', 'digest bytes', 'made_at time']);

CREATE FUNCTION ledger.part_of(account uuid) RETURNS smallint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ((get_byte(uuid_send(account), 14) & 3) << 8 | get_byte(uuid_send(account), 15))::smallint;

CREATE FUNCTION ledger.account_bytes(account uuid, entries bigint, debits bigint, credits bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN uuid_send(account) || int8send(entries) || int8send(debits) || int8send(credits);

-- By what each account moved in the transactions from `since` to below `until`.
CREATE FUNCTION ledger.moved_v1(since bigint, until bigint)
RETURNS TABLE (account_id uuid, entries bigint, debits bigint, credits bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.account_id, count(*), sum(s.debit)::bigint, sum(s.credit)::bigint
    FROM (
        SELECT t.debit_account AS account_id, t.amount AS debit, 0::bigint AS credit
        FROM ledger.transfer AS t WHERE t.xact >= since AND t.xact < until
        UNION ALL
        SELECT t.credit_account, 0, t.amount FROM ledger.transfer AS t WHERE t.xact >= since AND t.xact < until
    ) AS s
    GROUP BY s.account_id
$$;
REVOKE EXECUTE ON FUNCTION ledger.moved_v1 FROM PUBLIC;

CREATE TYPE ledger.part_state AS (part smallint, began bytea, movements bytea, states bytea);

-- The digests of each part's accounts: what they had come to before the transaction `since` (began), by what they moved
-- from there to below `until`, and what they had come to then. From the accounts as they are, less what was posted since.
CREATE FUNCTION ledger.part_states_v1(since bigint, until bigint) RETURNS SETOF ledger.part_state
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH account AS (
        SELECT coalesce(a.id, d.account_id, l.account_id) AS id,
            coalesce(d.entries, 0) AS entries, coalesce(d.debits, 0) AS debits, coalesce(d.credits, 0) AS credits,
            coalesce(a.version, 0) - coalesce(l.entries, 0) AS then_entries,
            coalesce(a.debits_posted, 0) - coalesce(l.debits, 0) AS then_debits,
            coalesce(a.credits_posted, 0) - coalesce(l.credits, 0) AS then_credits
        FROM ledger.account AS a
        FULL JOIN ledger.moved_v1(since, until) AS d ON d.account_id = a.id
        FULL JOIN ledger.moved_v1(until, 9223372036854775807) AS l ON l.account_id = coalesce(a.id, d.account_id)
    )
    SELECT ledger.part_of(id),
        sha256(coalesce(string_agg(ledger.account_bytes(id, then_entries - entries, then_debits - debits, then_credits - credits), ''
            ORDER BY id) FILTER (WHERE (then_entries, then_debits, then_credits) <> (entries, debits, credits)), '')),
        sha256(coalesce(string_agg(ledger.account_bytes(id, entries, debits, credits), ''
            ORDER BY id) FILTER (WHERE entries <> 0), '')),
        sha256(coalesce(string_agg(ledger.account_bytes(id, then_entries, then_debits, then_credits), ''
            ORDER BY id) FILTER (WHERE (then_entries, then_debits, then_credits) <> (0, 0, 0)), ''))
    FROM account GROUP BY 1
$$;
REVOKE EXECUTE ON FUNCTION ledger.part_states_v1 FROM PUBLIC;

-- What was received and issued on each account of funds in the transactions from `since` to below `until`, from the
-- receipts and transfers. The transfers that reversals give back are looked up one by one.
CREATE FUNCTION ledger.funds_moved_v1(since bigint, until bigint)
RETURNS TABLE (account_id uuid, purpose text, received bigint, drawn bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.account_id, s.purpose, sum(s.received)::bigint, sum(s.drawn)::bigint
    FROM (
        SELECT r.account_id, r.purpose, r.amount AS received, 0 AS drawn
        FROM ledger.receipt AS r WHERE r.xact >= since AND r.xact < until
        UNION ALL
        SELECT r.account_id, r.purpose, -w.amount, 0
        FROM ledger.receipt_withdrawal AS w JOIN ledger.receipt AS r ON r.id = w.receipt_id
        WHERE w.xact >= since AND w.xact < until
        UNION ALL
        SELECT t.debit_account, CASE t.operation WHEN 'opening' THEN 'opening' ELSE 'issue' END, 0, t.amount
        FROM ledger.transfer AS t
        JOIN ledger.account AS d ON d.id = t.debit_account AND d.sign = 1
        JOIN ledger.account AS c ON c.id = t.credit_account AND c.sign = -1
        WHERE t.operation NOT IN ('refund', 'reversal') AND t.xact >= since AND t.xact < until
        UNION ALL
        SELECT o.debit_account, CASE o.operation WHEN 'opening' THEN 'opening' ELSE 'issue' END, 0, -v.amount
        FROM ledger.reversal AS v
        CROSS JOIN LATERAL (
            SELECT t.debit_account, t.credit_account, t.operation FROM ledger.transfer AS t WHERE t.id = v.original_id OFFSET 0
        ) AS o
        CROSS JOIN LATERAL (SELECT t.operation FROM ledger.transfer AS t WHERE t.id = v.transfer_id OFFSET 0) AS b
        JOIN ledger.account AS d ON d.id = o.debit_account AND d.sign = 1
        JOIN ledger.account AS c ON c.id = o.credit_account AND c.sign = -1
        WHERE b.operation = 'reversal' AND v.xact >= since AND v.xact < until
    ) AS s
    GROUP BY 1, 2
$$;
REVOKE EXECUTE ON FUNCTION ledger.funds_moved_v1 FROM PUBLIC;

-- The digest of a day's parts and funds, as they are stored.
CREATE FUNCTION ledger.day_total_digest_v1(of_number bigint) RETURNS bytea
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(
        coalesce((
            SELECT string_agg(int2send(p.part) || p.movements || p.states, '' ORDER BY p.part)
            FROM ledger.day_total_part AS p WHERE p.number = of_number), '')
        || coalesce((
            SELECT string_agg(
                uuid_send(f.account_id) || int4send(octet_length(f.purpose)) || convert_to(f.purpose, 'UTF8')
                || int8send(f.received) || int8send(f.drawn), '' ORDER BY f.account_id, f.purpose COLLATE "C")
            FROM ledger.day_total_fund AS f WHERE f.number = of_number), ''))
$$;
REVOKE EXECUTE ON FUNCTION ledger.day_total_digest_v1 FROM PUBLIC;

-- Total what was posted by transactions that have ended since the last one; gives its number, and null where there is
-- nothing to total. What accounts and funds came to at the last total must be what they were then, so that a balance that
-- was changed around the posting functions never comes into a total as if it had been posted.
CREATE FUNCTION ledger.make_day_total_v1() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    nothing constant bytea := sha256('');
    last ledger.day_total;
    this ledger.day_total;
    parts ledger.part_state[];
    changed text;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'ledger: days are totalled in the isolation level read committed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger.day_total', 0));
    SELECT * INTO last FROM ledger.day_total ORDER BY number DESC LIMIT 1;
    this.number := coalesce(last.number, 0) + 1;
    this.since_xact := coalesce(last.until_xact, 0);

    -- one statement, which is one snapshot: where it ends, the accounts, and what was posted until then and since
    SELECT h.xact, t.transfers, t.first_posted_at, t.last_posted_at,
        ARRAY(SELECT p FROM ledger.part_states_v1(this.since_xact, h.xact) AS p WHERE t.transfers > 0)
    INTO this.until_xact, this.transfers, this.first_posted_at, this.last_posted_at, parts
    FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xact) AS h
    CROSS JOIN LATERAL (
        SELECT count(*) AS transfers, min(posted_at) AS first_posted_at, max(posted_at) AS last_posted_at
        FROM ledger.transfer AS t WHERE t.xact >= this.since_xact AND t.xact < h.xact
    ) AS t;
    IF this.until_xact < this.since_xact THEN
        RAISE EXCEPTION 'ledger: this server''s transactions lie below the last total''s end'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'day_total_follows';
    ELSIF this.transfers = 0 THEN
        RETURN NULL;
    END IF;

    SELECT string_agg(coalesce(p.part, s.part)::text, ', ' ORDER BY coalesce(p.part, s.part)) INTO changed
    FROM unnest(parts) AS p
    FULL JOIN (SELECT s.part, s.states FROM ledger.day_total_part AS s WHERE s.number = last.number) AS s ON s.part = p.part
    WHERE coalesce(p.began, nothing) <> coalesce(s.states, nothing);
    IF changed IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: accounts were changed since the last total, in the parts %', changed
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'day_total_follows';
    END IF;

    INSERT INTO ledger.day_total_part (number, part, movements, states)
    SELECT this.number, p.part, p.movements, p.states FROM unnest(parts) AS p
    WHERE (p.movements, p.states) <> (nothing, nothing);
    INSERT INTO ledger.day_total_fund (number, account_id, purpose, received, drawn)
    SELECT this.number, s.account_id, s.purpose, sum(s.received), sum(s.drawn)
    FROM (
        SELECT m.account_id, m.purpose, m.received, m.drawn
        FROM ledger.funds_moved_v1(this.since_xact, this.until_xact) AS m
        UNION ALL
        SELECT f.account_id, f.purpose, f.received, f.drawn FROM ledger.day_total_fund AS f WHERE f.number = last.number
    ) AS s
    GROUP BY 2, 3;
    INSERT INTO ledger.day_total (number, since_xact, until_xact, transfers, first_posted_at, last_posted_at, digest)
    VALUES (this.number, this.since_xact, this.until_xact, this.transfers, this.first_posted_at, this.last_posted_at,
            ledger.day_total_digest_v1(this.number));
    RETURN this.number;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.make_day_total_v1 FROM PUBLIC;

GRANT SELECT ON ledger.day_total, ledger.day_total_part, ledger.day_total_fund TO emoney_app;
GRANT EXECUTE ON FUNCTION ledger.moved_v1, ledger.part_states_v1, ledger.funds_moved_v1, ledger.day_total_digest_v1,
    ledger.make_day_total_v1 TO emoney_app;
