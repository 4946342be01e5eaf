-- The schema, the roles of the application, of an import and of the policy, and the functions by which tables refuse changes.

CREATE SCHEMA ledger;

-- The application's role belongs to the server, not to one database, and may be there already.
-- An owner who is no superuser joins it, to run the application as well.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'emoney_app') THEN
        CREATE ROLE emoney_app NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
-- Who carries an operator's history over: may what the application may, and open customers' accounts without limits.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'emoney_import') THEN
        CREATE ROLE emoney_import NOLOGIN;
    END IF;
    IF NOT pg_has_role('emoney_import', 'emoney_app', 'USAGE') THEN
        GRANT emoney_app TO emoney_import;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
-- Who puts policy packs in force: may store limit profiles, and post nothing. The application puts accounts under those
-- that stand.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'emoney_policy') THEN
        CREATE ROLE emoney_policy NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
-- Officers, each with a login of its own (01_two_persons_officers.sql): may what the application may, under its own name.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'emoney_officer') THEN
        CREATE ROLE emoney_officer NOLOGIN;
    END IF;
    IF NOT pg_has_role('emoney_officer', 'emoney_app', 'USAGE') THEN
        GRANT emoney_app TO emoney_officer;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        GRANT emoney_app, emoney_import, emoney_policy TO CURRENT_USER;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
END
$$;

-- Append-only: not even the owner changes or removes a row by accident.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;


-- Who acts where two persons must differ: one spelling for one person, so that nobody is a second person by a blank or
-- by a letter that looks alike. Capitals make no difference; in the collation C none is turned into another letter.
CREATE DOMAIN ledger.actor AS text CHECK (VALUE ~ '^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}$');
CREATE DOMAIN ledger.reason AS text CHECK (length(VALUE) BETWEEN 1 AND 500);
CREATE FUNCTION ledger.same_person(one text, other text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(one COLLATE "C") = lower(other COLLATE "C");
