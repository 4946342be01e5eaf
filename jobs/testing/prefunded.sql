-- name: policy
-- Issues draw on all that was received.
SELECT ledger.set_receipt_policy_v1('prefunded', 'emoney-testing', 'a database for tests', now());

-- name: receive!
-- More than any test issues, for whatever account of funds is opened. In the ledger's schema, so that it goes with it.
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

-- name: revoke!
REVOKE EXECUTE ON FUNCTION ledger.prefund_for_tests() FROM PUBLIC;

-- name: at_opening!
CREATE OR REPLACE TRIGGER prefund_for_tests AFTER INSERT ON ledger.account
    FOR EACH ROW WHEN (NEW.sign = 1) EXECUTE FUNCTION ledger.prefund_for_tests();
