-- Arrays of rows: PostgreSQL takes one apart at a fraction of what as many arrays of columns cost it.
CREATE TYPE ledger.usage_row AS (
    scope_id uuid, starts_on date, span text, totals bytea, days bytea, moved bigint, returned bigint
);
CREATE TYPE ledger.decided_row AS (
    id uuid, debit_account uuid, credit_account uuid, amount bigint, debit_version bigint, debit_balance bigint,
    credit_version bigint, credit_balance bigint, currency text, operation text, reference text, group_id uuid,
    effective_at timestamptz
);

-- After the update: before it, each row would be locked first, and that logged.
DROP TRIGGER only_grows ON ledger.usage;
CREATE TRIGGER only_grows AFTER UPDATE ON ledger.usage FOR EACH ROW
    WHEN (NEW.moved < OLD.moved OR NEW.returned < OLD.returned)
    EXECUTE FUNCTION ledger.refuse_decrease();

DROP FUNCTION ledger.write_decided_v2;
DROP FUNCTION ledger.store_usage_v1;

-- Store rows of usage, there before or not. In one statement that PostgreSQL finds them for by the key, whatever it knows
-- of the table: a plan made while the table was small, and kept for as long as the connection, does not go through it.
CREATE FUNCTION ledger.store_usage_v2(stored ledger.usage_row[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO ledger.usage (scope_id, starts_on, span, totals, days, moved, returned)
    SELECT n.scope_id, n.starts_on, n.span, n.totals, n.days, n.moved, n.returned FROM unnest(stored) AS n
    ON CONFLICT (scope_id, starts_on, span) DO UPDATE
    SET totals = excluded.totals, days = excluded.days, moved = excluded.moved, returned = excluded.returned;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.store_usage_v2 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.store_usage_v2 TO emoney_app;

-- Write a batch that was decided on accounts as they were read, without a lock, before: all of it in one call, which is
-- a transaction of its own. Gives the number of the transaction; null, and writes nothing, where an account has changed
-- since or the first id was sent before; an error where another was. The caller then decides again, under locks.
--
-- accounts: those of the batch, in the order of their ids; written_by: the transaction that each was seen written by, 0
-- for last_transaction. Whoever changes an account, what it holds, or what was counted of it, writes its row.
-- counted: the periods' rows that the batch leaves. decided: effective_at is null where it is posted_at.
-- refused: what stands in ledger.refusal, as JSON.
CREATE FUNCTION ledger.write_decided_v3(
    accounts uuid[], written_by xid[], last_transaction xid, claims uuid[], counted ledger.usage_row[],
    posted_at timestamptz, decided ledger.decided_row[], refused jsonb
) RETURNS xid
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF (
        SELECT array_agg(locked.xmin) FROM (
            SELECT a.xmin FROM ledger.account AS a WHERE a.id = ANY(accounts) ORDER BY a.id FOR NO KEY UPDATE
        ) AS locked
    ) IS DISTINCT FROM array_replace(written_by, '0'::xid, last_transaction)
        OR EXISTS (SELECT FROM ledger.claim AS c WHERE c.id = claims[1])
    THEN
        RETURN NULL;
    END IF;

    INSERT INTO ledger.claim (id) SELECT sent.id FROM unnest(claims) AS sent (id) ORDER BY sent.id;

    IF cardinality(counted) > 0 THEN
        PERFORM ledger.store_usage_v2(counted);
    END IF;

    IF cardinality(decided) > 0 THEN
        INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
            effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
        SELECT t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id,
            coalesce(t.effective_at, write_decided_v3.posted_at), write_decided_v3.posted_at, t.debit_version,
            t.debit_balance, t.credit_version, t.credit_balance
        FROM unnest(decided) AS t;
    END IF;

    IF refused IS NOT NULL THEN
        INSERT INTO ledger.refusal (transfer_id, debit_account, credit_account, amount, currency, operation, reference,
            group_id, effective_at, decided_at, rule, decision, source, numbers)
        SELECT r.transfer_id, r.debit_account, r.credit_account, r.amount, r.currency, r.operation, r.reference, r.group_id,
            coalesce(r.effective_at, write_decided_v3.posted_at), write_decided_v3.posted_at, r.rule, r.decision, r.source,
            r.numbers
        FROM jsonb_to_recordset(refused) AS r (transfer_id uuid, debit_account uuid, credit_account uuid, amount bigint,
            currency text, operation text, reference text, group_id uuid, effective_at timestamptz, rule text, decision text,
            source text, numbers jsonb);
    END IF;
    RETURN pg_current_xact_id()::xid;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_decided_v3 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.write_decided_v3 TO emoney_app;

-- Accounts as they are now, and by which transaction each was written: whoever changes an account writes it anew. With
-- the rows of its usage that begin on one of these days, one to a line; of one moment, as it is one statement.
-- A function, so that one plan by the keys serves from the first day on, when PostgreSQL knows nothing of usage yet.
CREATE FUNCTION ledger.look_v1(accounts uuid[], starts date[]) RETURNS TABLE (
    id uuid, currency text, sign smallint, floor bigint, frozen_debit boolean, frozen_credit boolean, closed boolean,
    debits_posted bigint, credits_posted bigint, pending_out bigint, version bigint, ceiling bigint, last_posted_at bytea,
    profile_id uuid, written_by xid, scope_id uuid, span text, starts_on date, totals bytea, days bytea, moved bigint,
    returned bigint
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.currency, a.sign, a.floor, a.frozen_debit, a.frozen_credit, a.closed_at IS NOT NULL, a.debits_posted,
           a.credits_posted, CASE WHEN a.sign = 1 THEN a.credits_pending ELSE a.debits_pending END, a.version, a.ceiling,
           timestamptz_send(a.last_posted_at), a.profile_id, a.xmin,
           u.scope_id, u.span, u.starts_on, u.totals, u.days, u.moved, u.returned
    FROM ledger.account AS a
    -- OFFSET 0: for each account, by the key
    LEFT JOIN LATERAL (
        SELECT * FROM ledger.usage AS p WHERE p.scope_id = a.id AND p.starts_on = ANY(starts) OFFSET 0
    ) AS u ON true
    WHERE a.id = ANY(accounts);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.look_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.look_v1 TO emoney_app;
