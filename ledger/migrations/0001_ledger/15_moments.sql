-- The times that rows state of what is done now, within the same policy on clocks as posting's (05_times.sql): when an
-- account was opened or changed, what two persons agreed on, reversals and disputes. What lies in the past comes in by the
-- import's right.

-- The argument is the column. Called only where its time is more than a second from the clock, so that a row by a clock
-- that is right costs two comparisons.
CREATE FUNCTION ledger.check_row_moment_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger.check_moment_v1((to_jsonb(NEW) ->> TG_ARGV[0])::timestamptz);
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_row_moment_v1() FROM PUBLIC;

DO $$
DECLARE
    it record;
BEGIN
    FOR it IN
        SELECT * FROM (VALUES
            ('account', 'opened_at'), ('account_change', 'at'), ('request', 'requested_at'), ('request_decision', 'decided_at'),
            ('reversal', 'at'), ('dispute', 'opened_at'), ('dispute_outcome', 'at')
        ) AS t (name, moment)
    LOOP
        EXECUTE format(
            'CREATE TRIGGER moment AFTER INSERT ON ledger.%1$I FOR EACH ROW'
            ' WHEN (NEW.%2$I NOT BETWEEN clock_timestamp() - interval ''1 second'' AND clock_timestamp() + interval ''1 second'')'
            ' EXECUTE FUNCTION ledger.check_row_moment_v1(%2$L)',
            it.name, it.moment);
    END LOOP;
END
$$;
