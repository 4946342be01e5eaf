DROP FUNCTION ledger.write_decided_v1;
DROP FUNCTION ledger.store_usage_v1;

-- Store the rows of one period. Found by the whole key only: a plan made while the table was small, and kept for as
-- long as the connection, must not go through all wallets of the period, as one that knew the period beforehand would.
CREATE FUNCTION ledger.write_usage_v1(
    is_new boolean, period_starts_on date, period_span text, scopes uuid[], new_totals text[], new_days text[],
    new_moved bigint[], new_returned bigint[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
BEGIN
    IF is_new THEN
        INSERT INTO ledger.usage (scope_id, starts_on, span, totals, days, moved, returned)
        SELECT n.scope_id, period_starts_on, period_span, decode(n.totals, 'hex'), decode(n.days, 'hex'), n.moved, n.returned
        FROM unnest(scopes, new_totals, new_days, new_moved, new_returned)
            AS n (scope_id, totals, days, moved, returned);
    ELSE
        WITH n AS MATERIALIZED (
            SELECT sent.*, period_starts_on AS starts_on, period_span AS span
            FROM unnest(scopes, new_totals, new_days, new_moved, new_returned)
                AS sent (scope_id, totals, days, moved, returned)
        )
        UPDATE ledger.usage AS u
        SET totals = decode(n.totals, 'hex'), days = decode(n.days, 'hex'), moved = n.moved, returned = n.returned
        FROM n
        WHERE u.scope_id = n.scope_id AND u.starts_on = n.starts_on AND u.span = n.span;
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_usage_v1(boolean, date, text, uuid[], text[], text[], bigint[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.write_usage_v1(boolean, date, text, uuid[], text[], text[], bigint[], bigint[]) TO emoney_app;
