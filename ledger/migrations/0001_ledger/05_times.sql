-- Times: what a caller may state of when something happens, held against the clock of this database and a policy of the
-- operator's. A history, which lies in any past, comes in by the import's right alone.

-- The operator's policy, the last row's; without one, ledger.clock_policy_v1 says what holds. In seconds, null where nothing is
-- bounded. ahead_s and behind_s: how far a time of posting, or a hold's, may be from this database's clock; a second at
-- least, within which nobody needs to read the policy. late_s: how
-- long before its posting a transfer may count; late_by_operation: the same of some operations, in the place of late_s.
CREATE TABLE ledger.clock_policy (
    number bigint PRIMARY KEY CHECK (number > 0),
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    ahead_s bigint CHECK (ahead_s BETWEEN 1 AND 3153600000),
    behind_s bigint CHECK (behind_s BETWEEN 1 AND 3153600000),
    late_s bigint CHECK (late_s BETWEEN 0 AND 3153600000),
    late_by_operation jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(late_by_operation) = 'object'),
    actor ledger.actor NOT NULL,
    reason ledger.reason NOT NULL,
    at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);
CREATE INDEX clock_policy_xact ON ledger.clock_policy USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.clock_policy
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- The policy in force. A new ledger's: clocks that a time service keeps differ by less than a second; what waits for a lock
-- or for a busy machine is behind for longer than any clock is ahead.
CREATE FUNCTION ledger.clock_policy_v1() RETURNS ledger.clock_policy
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    policy ledger.clock_policy;
BEGIN
    SELECT p.* INTO policy FROM ledger.clock_policy AS p ORDER BY p.number DESC LIMIT 1;
    IF policy.number IS NULL THEN
        policy.ahead_s := 5;
        policy.behind_s := 30;
        policy.late_s := 900;
        policy.late_by_operation := '{}';
    END IF;
    RETURN policy;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.clock_policy_v1 FROM PUBLIC;

-- Set the policy, from the next posting on; nothing where it stands already. The owner's: no login of the application's
-- sets how far its own clock is trusted.
CREATE FUNCTION ledger.set_clock_policy_v1(
    ahead_s bigint, behind_s bigint, late_s bigint, late_by_operation jsonb, actor text, reason text, at timestamptz
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '10s'
AS $$
DECLARE
    before ledger.clock_policy;
    wrong text;
BEGIN
    LOCK TABLE ledger.clock_policy IN SHARE ROW EXCLUSIVE MODE;
    SELECT min(s.name) INTO wrong FROM jsonb_each(set_clock_policy_v1.late_by_operation) AS s (name, seconds)
    WHERE s.name <> ALL (ledger.operation_list())
       OR NOT CASE jsonb_typeof(s.seconds)
              WHEN 'number' THEN s.seconds::text ~ '^[0-9]{1,10}$' AND s.seconds::text::bigint <= 3153600000
              ELSE s.seconds = 'null' END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: % is no operation, or has no number of seconds', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clock_policy_operation';
    END IF;
    before := ledger.clock_policy_v1();
    IF (before.ahead_s, before.behind_s, before.late_s, before.late_by_operation) IS NOT DISTINCT FROM
        (set_clock_policy_v1.ahead_s, set_clock_policy_v1.behind_s, set_clock_policy_v1.late_s,
         set_clock_policy_v1.late_by_operation)
    THEN
        RETURN;
    END IF;
    INSERT INTO ledger.clock_policy (number, ahead_s, behind_s, late_s, late_by_operation, actor, reason, at)
    VALUES (coalesce(before.number, 0) + 1, set_clock_policy_v1.ahead_s, set_clock_policy_v1.behind_s,
            set_clock_policy_v1.late_s, set_clock_policy_v1.late_by_operation, set_clock_policy_v1.actor,
            set_clock_policy_v1.reason, set_clock_policy_v1.at);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.set_clock_policy_v1 FROM PUBLIC;

-- Whether the role that calls carries a history over. In a function with its owner's rights, too: the caller's role is
-- the one that the session has taken, or its login's.
CREATE FUNCTION ledger.carries_history_v1() RETURNS boolean
LANGUAGE sql STABLE
RETURN pg_has_role(
    CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END,
    'emoney_import', 'USAGE'
);
REVOKE EXECUTE ON FUNCTION ledger.carries_history_v1 FROM PUBLIC;

-- Refuse a time that something is said to happen at now, too far from this database's clock; a history's, ahead of it only.
-- Sets no search path, nor do those that call each other below: that takes longer than to compare. Who calls has one.
CREATE FUNCTION ledger.check_clock_v1(at timestamptz, policy ledger.clock_policy) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    skew constant double precision := extract(epoch FROM at - clock_timestamp());
BEGIN
    IF skew > policy.ahead_s OR (skew < -policy.behind_s AND NOT ledger.carries_history_v1()) THEN
        RAISE EXCEPTION 'ledger: a clock is % s % the database''s', round(abs(skew)), CASE WHEN skew > 0 THEN 'ahead of' ELSE 'behind' END
            USING ERRCODE = 'check_violation', CONSTRAINT = 'clock_skew';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_clock_v1 FROM PUBLIC;

-- The times of a batch, before anything of it is written. Of one that states no time but its posting's, by a clock that is
-- right, this costs two comparisons.
CREATE FUNCTION ledger.check_times_v1(posted_at timestamptz, decided ledger.decided_row[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    since constant interval := clock_timestamp() - posted_at;
    late boolean;
BEGIN
    IF since > '1 second' OR since < '-1 second' THEN
        PERFORM ledger.check_clock_v1(posted_at, ledger.clock_policy_v1());
    END IF;
    IF cardinality(decided) = 1 THEN
        late := (decided[1]).effective_at <> posted_at;
    ELSE
        late := EXISTS (SELECT FROM unnest(decided) AS t WHERE t.effective_at <> check_times_v1.posted_at);
    END IF;
    IF late THEN
        PERFORM ledger.check_late_v1(posted_at, decided, ledger.clock_policy_v1());
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_times_v1 FROM PUBLIC;

-- Transfers that count before they are posted: no longer before than the policy lets each operation, not before one of
-- their accounts was opened, and within what limits leave of the day and the windows that they arrive in, too. Those
-- they are not counted in, so they are asked here, before the batch is counted; those that both days lie in,
-- when it is (ledger.count_v1). A history is bounded by the windows that it names.
CREATE FUNCTION ledger.check_late_v1(
    posted_at timestamptz, decided ledger.decided_row[], policy ledger.clock_policy
) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    wrong uuid;
    side record;
BEGIN
    IF ledger.carries_history_v1() THEN
        RETURN;
    END IF;

    SELECT t.id INTO wrong FROM unnest(decided) AS t
    WHERE t.effective_at < check_late_v1.posted_at - make_interval(secs => CASE
        WHEN policy.late_by_operation ? t.operation THEN (policy.late_by_operation ->> t.operation)::double precision
        ELSE policy.late_s END);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: transfer % counts longer before it is posted than its operation may', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'effective_time';
    END IF;

    SELECT t.id INTO wrong
    FROM unnest(decided) AS t
    CROSS JOIN LATERAL (VALUES (t.debit_account), (t.credit_account)) AS s (account_id)
    JOIN ledger.account AS a ON a.id = s.account_id
    WHERE t.effective_at < a.opened_at;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: transfer % counts before one of its accounts was opened', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'effective_time';
    END IF;

    -- in the order of the accounts' ids, as whoever locks several does
    FOR side IN
        SELECT s.account_id, s.other, s.code, t.amount, (t.effective_at AT TIME ZONE p.time_zone)::date AS named
        FROM unnest(decided) AS t
        CROSS JOIN LATERAL (
            SELECT array_position(ledger.operation_list(), t.operation) AS number
        ) AS n
        CROSS JOIN LATERAL (
            VALUES (t.debit_account, t.credit_account, n.number + 32), (t.credit_account, t.debit_account, n.number)
        ) AS s (account_id, other, code)
        JOIN ledger.account AS a ON a.id = s.account_id
        JOIN ledger.limit_profile AS p ON p.id = a.profile_id
        WHERE t.effective_at < check_late_v1.posted_at AND s.code NOT IN (13, 14, 45, 46)
          AND (t.effective_at AT TIME ZONE p.time_zone)::date < (check_late_v1.posted_at AT TIME ZONE p.time_zone)::date
        ORDER BY s.account_id
    LOOP
        PERFORM FROM ledger.account AS a WHERE a.id = side.account_id FOR NO KEY UPDATE;
        PERFORM ledger.check_apart_v1(
            side.account_id, side.other, side.code, side.amount, NULL, posted_at, 'arrives', side.named);
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_late_v1 FROM PUBLIC;

-- The time of a hold, or of what becomes of one.
CREATE FUNCTION ledger.check_moment_v1(at timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM ledger.check_clock_v1(at, ledger.clock_policy_v1());
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_moment_v1 FROM PUBLIC;

-- The time of what is recorded beside the books: when a person asked, an account was closed, a hold was placed. Such a row
-- comes as late as a transfer may count, at most, so that no login writes a past of its own.
CREATE FUNCTION ledger.check_recorded_v1(at timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    policy ledger.clock_policy := ledger.clock_policy_v1();
BEGIN
    policy.behind_s := CASE WHEN policy.behind_s IS NOT NULL AND policy.late_s IS NOT NULL
                            THEN greatest(policy.behind_s, policy.late_s) END;
    PERFORM ledger.check_clock_v1(at, policy);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_recorded_v1 FROM PUBLIC;

-- The same of a row. Argument: the column with its time.
CREATE FUNCTION ledger.guard_recorded_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger.check_recorded_v1((to_jsonb(NEW) ->> TG_ARGV[0])::timestamptz);
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.guard_recorded_v1() FROM PUBLIC;

GRANT SELECT ON ledger.clock_policy TO emoney_app;
GRANT EXECUTE ON FUNCTION ledger.clock_policy_v1 TO emoney_app;

-- A time that a row of another table says something happened at now. Arguments: its column, and for how long a run of a job
-- may give all of its rows the moment at which it began. A row that is written later in a transaction may bear the time at
-- which that began, or up to half a minute before, when its batch was looked through: a large one is one moment, however
-- long it takes.
CREATE FUNCTION ledger.bound_time_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at constant timestamptz := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
    PERFORM ledger.check_moment_v1(greatest(at, least(at + TG_ARGV[1]::interval, clock_timestamp())));
    RETURN NEW;
END
$$;

-- of_columns: as schema.table.column; of_rows: a condition on NEW. By a clock that is right, a row costs two comparisons.
CREATE FUNCTION ledger.bound_times_v1(of_columns text[], a_run interval DEFAULT '0', of_rows text DEFAULT 'true') RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    each text[];
BEGIN
    FOR each IN SELECT parse_ident(name) FROM unnest(of_columns) AS name LOOP
        EXECUTE format('CREATE TRIGGER %4$I BEFORE INSERT OR UPDATE OF %1$I ON %2$I.%3$I FOR EACH ROW
            WHEN ((NEW.%1$I > transaction_timestamp() + interval ''1 second''
                   OR NEW.%1$I < transaction_timestamp() - interval ''30 seconds'') AND %6$s)
            EXECUTE FUNCTION ledger.bound_time_v1(%1$L, %5$L)', each[3], each[1], each[2],
            each[3] || '_bounded' || CASE WHEN a_run > interval '0' THEN '_in_a_run' ELSE '' END, a_run, of_rows);
    END LOOP;
END
$$;

-- Whether a moment has come, by the clock of this database and as far as others may be ahead of it; true where that is
-- not bounded.
CREATE FUNCTION ledger.has_come_v1(at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN coalesce(at <= clock_timestamp() + make_interval(secs => (ledger.clock_policy_v1()).ahead_s), true);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.bound_time_v1, ledger.bound_times_v1, ledger.has_come_v1 FROM PUBLIC;
