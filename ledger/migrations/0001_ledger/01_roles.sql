-- The schema, the roles, and the functions by which tables refuse changes.

CREATE SCHEMA ledger;

-- Roles belong to the server, not to one database, and may be there already. emoney_app: the application. emoney_import: who
-- carries an operator's history over: may what the application may, and open customers' accounts without limits.
-- emoney_policy: who puts policy packs in force: may store limit profiles, and post nothing; the application puts accounts
-- under those that stand. emoney_receipts: who records what arrived at the bank (13_receipts.sql). emoney_officer: officers,
-- each with a login of its own (01_two_persons_officers.sql), may what the application may, under their own names.
-- An owner who is no superuser joins them, to run the application as well; but for officers'.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['emoney_app', 'emoney_import', 'emoney_policy', 'emoney_receipts', 'emoney_officer'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            END IF;
            IF role IN ('emoney_import', 'emoney_officer') AND NOT pg_has_role(role, 'emoney_app', 'USAGE') THEN
                EXECUTE format('GRANT emoney_app TO %I', role);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        BEGIN
            IF role <> 'emoney_officer' AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
                EXECUTE format('GRANT %I TO CURRENT_USER', role);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN NULL;
        END;
    END LOOP;
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
