-- The end of what is held of a person: who may be erased and when, the removal of rows that nothing else may remove, and
-- the certificates of it.

-- Destruction -------------------------------------------------------------------------------------

CREATE TABLE privacy.destruction (
    subject    uuid        PRIMARY KEY,
    request_id uuid        NOT NULL REFERENCES privacy.data_request (id),
    at         timestamptz NOT NULL,
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid        NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE privacy.destruction IS
    'A subject that is erased. Only in the transaction that wrote its row may rows about the subject be removed, and '
    'that transaction commits only if the subject''s keys are destroyed in it.';
CREATE INDEX destruction_xact ON privacy.destruction
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (subject, request_id, at) ON privacy.destruction TO emoney_app;
CREATE TRIGGER destruction_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.destruction
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER clock BEFORE INSERT ON privacy.destruction
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_recorded_v1('at');

-- Until when subjects are kept at least, whatever a request says: five years from the day their last account was closed,
-- without end while one is open; of subjects without accounts, from the day they got their first key. No rule of
-- data/retention.yaml is shorter (FATF Recommendation 11).
CREATE FUNCTION privacy.retained_until_v1(of_subjects uuid[]) RETURNS timestamptz
LANGUAGE sql STABLE
RETURN (
    SELECT coalesce(
        CASE WHEN bool_or(a.closed_at IS NULL) THEN 'infinity' ELSE max(a.closed_at) END,
        (SELECT min(k.created_at) FROM privacy.subject_key AS k WHERE k.subject = ANY (of_subjects)),
        '-infinity'::timestamptz
    ) + interval '5 years'
    FROM ledger.account AS a WHERE a.holder = ANY (of_subjects)
);
REVOKE EXECUTE ON FUNCTION privacy.retained_until_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.retained_until_v1 TO emoney_app;

CREATE FUNCTION privacy.guard_destruction_v1() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked privacy.data_request;
    newest privacy.data_request_step;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('privacy.legal_hold ' || NEW.subject::text, 0));
    SELECT * INTO asked FROM privacy.data_request WHERE id = NEW.request_id;
    SELECT * INTO newest FROM privacy.data_request_step
    WHERE request_id = NEW.request_id ORDER BY number DESC LIMIT 1;
    IF asked.kind IS DISTINCT FROM 'erasure' OR NOT NEW.subject = ANY (asked.subjects)
        OR newest.state <> 'kept' OR newest.keep_until IS NULL OR newest.keep_until > (NEW.at AT TIME ZONE 'UTC')::date
        OR privacy.retained_until_v1(asked.subjects) > NEW.at
    THEN
        RAISE EXCEPTION 'the subject may not be erased: no request, or it is to be kept for longer'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF privacy.held(NEW.subject) THEN
        RAISE EXCEPTION 'the subject may not be erased: it is under a legal hold'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.guard_destruction_v1() FROM PUBLIC;
CREATE TRIGGER destruction_guard BEFORE INSERT ON privacy.destruction
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_destruction_v1();

CREATE FUNCTION privacy.demand_keys_destroyed_v1() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM privacy.subject_key WHERE subject = NEW.subject AND state <> 'destroyed') THEN
        RAISE EXCEPTION 'a subject is erased only together with its keys' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER destruction_of_keys AFTER INSERT ON privacy.destruction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION privacy.demand_keys_destroyed_v1();

CREATE FUNCTION privacy.being_erased(of_subject uuid) RETURNS boolean
LANGUAGE sql VOLATILE
RETURN EXISTS (
    SELECT FROM privacy.destruction
    WHERE subject = of_subject AND xact = pg_current_xact_id()::text::bigint
);

-- Guards of rows about subjects, for the tables that have them ------------------------------------

-- For tables whose rows are about subjects: a row goes only with its subject. Arguments: the columns that name subjects.
CREATE FUNCTION privacy.guard_removal_v1() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    names text;
BEGIN
    FOREACH names IN ARRAY TG_ARGV LOOP
        IF privacy.being_erased((to_jsonb(OLD) ->> names)::uuid) THEN
            RETURN OLD;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'rows of %.% are removed only when a person they are about is erased', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

-- The same for rows that lead to a subject by another row: that row's table, its key, and the column naming the subject.
-- First argument: the column that leads there.
CREATE FUNCTION privacy.guard_removal_below_v1() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    may boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s AS above WHERE above.%I = $1 AND privacy.being_erased(above.%I))',
                   TG_ARGV[1]::regclass, TG_ARGV[2], TG_ARGV[3])
    INTO may USING (to_jsonb(OLD) ->> TG_ARGV[0])::uuid;
    IF may THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'rows of %.% are removed only when a person they are about is erased', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

-- Where a row stays as one about an account: the column that names the subject may only be emptied, and only so.
CREATE FUNCTION privacy.guard_forgetting_v1() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := to_jsonb(OLD);
    becomes jsonb := to_jsonb(NEW);
BEGIN
    IF becomes = was || jsonb_build_object(TG_ARGV[0], NULL) AND privacy.being_erased((was ->> TG_ARGV[0])::uuid) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'whose %.% is, is forgotten only when that person is erased', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

-- Certificates ------------------------------------------------------------------------------------

CREATE TABLE privacy.destruction_certificate (
    id         uuid        PRIMARY KEY,
    request_id uuid        NOT NULL UNIQUE REFERENCES privacy.data_request (id),
    content    jsonb       NOT NULL CHECK (jsonb_typeof(content) = 'object'),
    issued_at  timestamptz NOT NULL,
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid        NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE privacy.destruction_certificate IS
    'What was destroyed: keys, rows by table, the marks by which remains could be recognised. Claims anyone can check.';
CREATE INDEX destruction_certificate_xact ON privacy.destruction_certificate
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, request_id, content, issued_at) ON privacy.destruction_certificate TO emoney_app;
CREATE TRIGGER destruction_certificate_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.destruction_certificate
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER clock BEFORE INSERT ON privacy.destruction_certificate
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_recorded_v1('issued_at');
