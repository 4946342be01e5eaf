DROP SCHEMA ledger CASCADE;
REVOKE SELECT ON emoney_migrations.alembic_version FROM emoney_app, emoney_policy, emoney_receipts;
REVOKE USAGE ON SCHEMA emoney_migrations FROM emoney_app, emoney_policy, emoney_receipts;
-- The roles stay when other databases of the server use them.
DO $$
BEGIN
    DROP ROLE emoney_officer;
EXCEPTION
    WHEN dependent_objects_still_exist OR undefined_object THEN NULL;
END
$$;
DO $$
BEGIN
    DROP ROLE emoney_import;
    DROP ROLE emoney_app;
EXCEPTION
    WHEN dependent_objects_still_exist OR undefined_object THEN NULL;
END
$$;
DO $$
BEGIN
    DROP ROLE emoney_policy;
EXCEPTION
    WHEN dependent_objects_still_exist OR undefined_object THEN NULL;
END
$$;
DO $$
BEGIN
    DROP ROLE emoney_receipts;
EXCEPTION
    WHEN dependent_objects_still_exist OR undefined_object THEN NULL;
END
$$;
