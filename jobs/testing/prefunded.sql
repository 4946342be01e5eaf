-- name: prefund!
-- Issues draw on all that was received, and whatever account of funds is opened has received more than any test issues.
-- In the schema of the ledger, so that it goes with it.
SELECT ledger.set_receipt_policy_v1('prefunded', 'emoney-testing', 'a database for tests', now());

CREATE OR REPLACE FUNCTION ledger.prefund_for_tests() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger.record_receipt_v1(
        NEW.id, 'testing ' || purpose, purpose, NEW.currency, 4000000000000000000, 'emoney-testing',
        'a database for tests', NEW.opened_at
    )
    FROM unnest(ARRAY['issue', 'opening']) AS purpose;
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION ledger.prefund_for_tests() FROM PUBLIC;

CREATE OR REPLACE TRIGGER prefund_for_tests AFTER INSERT ON ledger.account
    FOR EACH ROW WHEN (NEW.sign = 1) EXECUTE FUNCTION ledger.prefund_for_tests();
