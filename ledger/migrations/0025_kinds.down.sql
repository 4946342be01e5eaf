DROP FUNCTION ledger.look_v2;

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
