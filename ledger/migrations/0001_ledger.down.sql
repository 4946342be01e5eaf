DROP SCHEMA ledger CASCADE;
REVOKE SELECT ON public.alembic_version FROM emoney_app;
-- The role stays when other databases of the server use it.
DO $$
BEGIN
    DROP ROLE emoney_app;
EXCEPTION
    WHEN dependent_objects_still_exist OR undefined_object THEN NULL;
END
$$;
