ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE starts_with(relation, 'privacy.');
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

DROP SCHEMA privacy CASCADE;

-- The roles stay when other databases of the server use them, or when they are not this owner's to drop.
DO $$
DECLARE
    reader text;
    package text;
BEGIN
    FOREACH reader IN ARRAY ARRAY['emoney_kyc_reader', 'emoney_analyst', 'emoney_auditor'] LOOP
        FOREACH package IN ARRAY ARRAY['ledger', 'kyc', 'aml'] LOOP
            IF to_regnamespace(package) IS NOT NULL AND to_regrole(reader) IS NOT NULL THEN
                EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', package, reader);
                EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', package, reader);
            END IF;
        END LOOP;
        BEGIN
            EXECUTE format('DROP ROLE %I', reader);
        EXCEPTION
            WHEN dependent_objects_still_exist OR undefined_object OR insufficient_privilege THEN NULL;
        END;
    END LOOP;
END
$$;
