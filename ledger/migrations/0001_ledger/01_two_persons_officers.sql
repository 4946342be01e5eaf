-- Officers: those who act for the operator under a login of their own. PostgreSQL checks who they are, and what they
-- write carries their name, because the database compares it with the login: session_user, which no SET ROLE changes.
-- While there are none, names are what the caller says. From the first on, nobody else writes an officer's name, and
-- only officers ask for and decide what takes two persons.

CREATE TABLE ledger.officer (
    name ledger.actor PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,39}$'),
    login name NOT NULL UNIQUE
);
-- What an officer is from then on. key: an Ed25519 public key, with which it signs what it asks for and decides; one that
-- was registered once verifies what was signed with it for good. by_login: who changed it, as the database knows it.
CREATE TABLE ledger.officer_change (
    officer ledger.actor NOT NULL REFERENCES ledger.officer (name),
    number integer NOT NULL CHECK (number > 0),
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    state text NOT NULL CHECK (state IN ('active', 'suspended')),
    roles text[] NOT NULL CHECK (cardinality(roles) > 0 AND roles <@ ARRAY[
        'maker', 'checker', 'investigator', 'compliance_officer', 'key_custodian', 'auditor', 'dpo', 'assessor', 'security',
        'legal', 'reviewer', 'decision_maker', 'owner']),
    key bytea CHECK (length(key) = 32),
    actor ledger.actor NOT NULL,
    reason ledger.reason NOT NULL,
    by_login name NOT NULL DEFAULT session_user,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    PRIMARY KEY (officer, number)
);
-- Whether all that takes two persons is signed, also by officers who have not registered a key. The last row counts.
CREATE TABLE ledger.signature_rule (
    number integer PRIMARY KEY CHECK (number > 0),
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    demanded boolean NOT NULL,
    actor ledger.actor NOT NULL,
    reason ledger.reason NOT NULL,
    by_login name NOT NULL DEFAULT session_user,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.signature_rule
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE INDEX officer_change_xact ON ledger.officer_change USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.officer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.officer_change
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE VIEW ledger.officer_now AS
SELECT o.name, o.login, c.state, c.roles, c.key, c.at AS since
FROM ledger.officer AS o
CROSS JOIN LATERAL (
    SELECT * FROM ledger.officer_change AS each WHERE each.officer = o.name ORDER BY each.number DESC LIMIT 1
) AS c;

CREATE FUNCTION ledger.refuse_officer_v1(why text, refused text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'ledger: %', why USING ERRCODE = 'insufficient_privilege', CONSTRAINT = refused;
END
$$;

-- The officer whose login this is; null where it is none's.
CREATE FUNCTION ledger.acting_officer_v1() RETURNS ledger.officer_now
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    acting ledger.officer_now;
BEGIN
    SELECT * INTO acting FROM ledger.officer_now WHERE login = session_user;
    IF acting.state = 'suspended' THEN
        PERFORM ledger.refuse_officer_v1(format('officer %s is suspended', acting.name), 'officer_suspended');
    END IF;
    RETURN acting;
END
$$;

-- Argument: the column that says who acts.
CREATE FUNCTION ledger.compare_actor_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    said text := to_jsonb(NEW) ->> TG_ARGV[0];
    acting ledger.officer_now;
BEGIN
    IF said IS NULL OR NOT EXISTS (SELECT FROM ledger.officer) THEN
        RETURN NEW;
    END IF;
    acting := ledger.acting_officer_v1();
    IF acting.name IS NULL THEN
        IF EXISTS (SELECT FROM ledger.officer WHERE name = lower(said COLLATE "C")) THEN
            PERFORM ledger.refuse_officer_v1(
                format('%s is an officer: only the login of %s acts under that name', said, said), 'officer_login');
        END IF;
    ELSIF NOT ledger.same_person(said, acting.name) THEN
        PERFORM ledger.refuse_officer_v1(
            format('the login of officer %s acts under that name, and not as %s', acting.name, said), 'officer_name');
    END IF;
    RETURN NEW;
END
$$;

-- What takes two persons is asked for by an officer, and decided by one who has one of the roles that the action names.
CREATE FUNCTION ledger.demand_officer_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    acting ledger.officer_now;
    wanted text[];
BEGIN
    IF NOT EXISTS (SELECT FROM ledger.officer) THEN
        RETURN NEW;
    END IF;
    acting := ledger.acting_officer_v1();
    SELECT deciders INTO wanted FROM ledger.request_action WHERE name = NEW.action;
    IF acting.name IS NULL THEN
        PERFORM ledger.refuse_officer_v1(
            'what takes two persons is asked for and decided under the logins of two officers', 'officer_missing');
    ELSIF TG_TABLE_NAME = 'request_decision' AND NOT acting.roles && wanted THEN
        PERFORM ledger.refuse_officer_v1(
            format('officer %s decides on no %s: that takes one of the roles %s', acting.name, replace(NEW.action, '_', ' '),
                array_to_string(wanted, ', ')), 'officer_role');
    ELSIF NEW.signature IS NULL AND (acting.key IS NOT NULL OR EXISTS (
        SELECT FROM ledger.signature_rule WHERE demanded AND number = (SELECT max(number) FROM ledger.signature_rule)))
    THEN
        PERFORM ledger.refuse_officer_v1(
            format('officer %s signs what takes two persons with its key', acting.name), 'officer_signature');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER officer BEFORE INSERT ON ledger.request
    FOR EACH ROW EXECUTE FUNCTION ledger.demand_officer_v1();
CREATE TRIGGER officer BEFORE INSERT ON ledger.request_decision
    FOR EACH ROW EXECUTE FUNCTION ledger.demand_officer_v1();

-- The officer's first key, registered under its own login. Another in its place is the owner's to register.
CREATE FUNCTION ledger.register_key_v1(of_key bytea, because ledger.reason) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    acting constant ledger.officer_now := ledger.acting_officer_v1();
BEGIN
    IF acting.name IS NULL THEN
        PERFORM ledger.refuse_officer_v1('an officer registers its key under its own login', 'officer_missing');
    ELSIF EXISTS (SELECT FROM ledger.officer_change WHERE officer = acting.name AND key IS NOT NULL) THEN
        PERFORM ledger.refuse_officer_v1(
            format('officer %s has a key: the owner of the database registers another', acting.name), 'officer_key');
    END IF;
    INSERT INTO ledger.officer_change (officer, number, state, roles, key, actor, reason)
    SELECT acting.name, count(*) + 1, acting.state, acting.roles, of_key, acting.name, because
    FROM ledger.officer_change WHERE officer = acting.name;
END
$$;

-- For acts that take a role and no request: from the first officer on, an officer does them who has one of the roles.
CREATE FUNCTION ledger.demand_role_v1(what text, wanted text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    acting ledger.officer_now;
BEGIN
    IF EXISTS (SELECT FROM ledger.officer) THEN
        acting := ledger.acting_officer_v1();
        IF acting.name IS NULL OR NOT acting.roles && wanted THEN
            PERFORM ledger.refuse_officer_v1(
                format('%s takes the login of an officer with one of the roles %s', what, array_to_string(wanted, ', ')),
                'officer_role');
        END IF;
    END IF;
END
$$;

-- Every table that says who acted is put under the comparison; of_columns: as schema.table.column.
CREATE FUNCTION ledger.compare_actors_v1(of_columns text[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    each text[];
BEGIN
    FOR each IN SELECT parse_ident(name) FROM unnest(of_columns) AS name LOOP
        EXECUTE format('CREATE TRIGGER actor BEFORE INSERT OR UPDATE OF %1$I ON %2$I.%3$I
            FOR EACH ROW EXECUTE FUNCTION ledger.compare_actor_v1(%1$L)', each[3], each[1], each[2]);
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.refuse_officer_v1, ledger.acting_officer_v1, ledger.compare_actor_v1, ledger.demand_officer_v1,
    ledger.register_key_v1, ledger.demand_role_v1, ledger.compare_actors_v1 FROM PUBLIC;
