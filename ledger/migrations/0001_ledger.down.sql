DROP SCHEMA ledger CASCADE;
REVOKE SELECT ON emoney_migrations.alembic_version FROM emoney_app, emoney_policy, emoney_receipts;
REVOKE USAGE ON SCHEMA emoney_migrations FROM emoney_app, emoney_policy, emoney_receipts;
-- The roles stay when other databases of the server use them.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['emoney_officer', 'emoney_import', 'emoney_app', 'emoney_policy', 'emoney_receipts'] LOOP
        BEGIN
            EXECUTE format('DROP ROLE %I', role);
        EXCEPTION
            WHEN dependent_objects_still_exist OR undefined_object THEN NULL;
        END;
    END LOOP;
END
$$;
