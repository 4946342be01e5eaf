-- What persons ask for, what is decided of it, and the end of what is held of them. All tables are append-only: what
-- changes is a further row. A subject is one of the ids of a person's records; no text here names a person.

-- Requests -----------------------------------------------------------------------------------------

CREATE TABLE privacy.data_request (
    id          uuid        PRIMARY KEY,
    subject     uuid        NOT NULL,
    subjects    uuid[]      NOT NULL CHECK (cardinality(subjects) BETWEEN 1 AND 1000 AND subject = ANY (subjects)
                                            AND array_position(subjects, NULL) IS NULL),
    kind        text        NOT NULL CHECK (kind IN (
                    'access', 'rectification', 'restriction', 'objection', 'erasure')),
    received_at timestamptz NOT NULL,
    due_on      date        NOT NULL,
    recorded_by text        NOT NULL CHECK (length(recorded_by) BETWEEN 1 AND 200),
    xact        bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt        uuid        NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE privacy.data_request IS
    'What a person asked for (GDPR art. 15 to 21). subject: the record that stands for the person; subjects: all records.';
CREATE INDEX data_request_subject ON privacy.data_request (subject);

CREATE TABLE privacy.data_request_step (
    id         uuid        PRIMARY KEY,
    request_id uuid        NOT NULL REFERENCES privacy.data_request (id),
    number     integer     NOT NULL CHECK (number > 0),
    state      text        NOT NULL CHECK (state IN (
                   'received', 'fulfilled', 'refused', 'kept', 'erased', 'withdrawn')),
    ground     text        NOT NULL CHECK (length(ground) BETWEEN 1 AND 500),
    source     text        CHECK (length(source) BETWEEN 1 AND 300),
    keep_until date,
    actor      text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    at         timestamptz NOT NULL,
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid        NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (request_id, number),
    CHECK (keep_until IS NULL OR state = 'kept'),
    CHECK (state <> 'refused' OR source IS NOT NULL)
);
COMMENT ON TABLE privacy.data_request_step IS
    'Where a request stands: the newest row. kept: an erasure that a retention duty or an open relationship puts off, '
    'until keep_until where that is known.';

CREATE FUNCTION privacy.guard_request_step_v1() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked privacy.data_request;
    before privacy.data_request_step;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('privacy.data_request ' || NEW.request_id::text, 0));
    SELECT * INTO asked FROM privacy.data_request WHERE id = NEW.request_id;
    SELECT * INTO before FROM privacy.data_request_step
    WHERE request_id = NEW.request_id ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(before.number, 0) + 1
        OR NOT (CASE coalesce(before.state, '')
            WHEN '' THEN NEW.state = 'received'
            WHEN 'received' THEN NEW.state IN ('fulfilled', 'refused', 'withdrawn')
                OR (NEW.state = 'kept' AND asked.kind = 'erasure')
            WHEN 'kept' THEN NEW.state IN ('kept', 'erased', 'withdrawn')
            ELSE false
        END)
        OR (asked.kind = 'erasure' AND NEW.state = 'fulfilled')
    THEN
        RAISE EXCEPTION 'a request to % does not become % from %', asked.kind, NEW.state, coalesce(before.state, 'nothing')
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'erased' AND EXISTS (
        SELECT FROM unnest(asked.subjects) AS each (subject)
        WHERE NOT EXISTS (SELECT FROM privacy.destruction AS d
                          WHERE d.request_id = NEW.request_id AND d.subject = each.subject)
    ) THEN
        RAISE EXCEPTION 'a request is erased once all its subjects are' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER data_request_step_guard BEFORE INSERT ON privacy.data_request_step
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_request_step_v1();

-- Restriction --------------------------------------------------------------------------------------

CREATE TABLE privacy.restriction (
    id         uuid        PRIMARY KEY,
    subject    uuid        NOT NULL,
    number     integer     NOT NULL CHECK (number > 0),
    purposes   text[]      CHECK (cardinality(purposes) <= 100 AND array_position(purposes, NULL) IS NULL),
    ground     text        NOT NULL CHECK (length(ground) BETWEEN 1 AND 500),
    request_id uuid        REFERENCES privacy.data_request (id),
    actor      text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    at         timestamptz NOT NULL,
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid        NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (subject, number)
);
COMMENT ON TABLE privacy.restriction IS
    'What a subject''s fields may still be opened for: the newest row. purposes empty: for nothing; NULL: not restricted.';

ALTER TABLE privacy.opening_refusal DROP CONSTRAINT opening_refusal_reason_check,
    ADD CONSTRAINT opening_refusal_reason_check CHECK (reason IN (
        'unknown purpose', 'purpose not approved', 'processing restricted', 'field does not open', 'key destroyed',
        'key compromised', 'key expired', 'key unavailable'));

-- Openings are logged before anything is given out, so what is not logged is not opened, whoever asks.
CREATE FUNCTION privacy.guard_restricted_v1() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT subject, purpose FROM opened) AS asked
        CROSS JOIN LATERAL (SELECT r.purposes FROM privacy.restriction AS r
                            WHERE r.subject = asked.subject ORDER BY r.number DESC LIMIT 1) AS now
        WHERE NOT asked.purpose = ANY (now.purposes)
    ) THEN
        RAISE EXCEPTION 'processing is restricted: the fields are not opened for this purpose'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER opening_restricted AFTER INSERT ON privacy.opening
    REFERENCING NEW TABLE AS opened
    FOR EACH STATEMENT EXECUTE FUNCTION privacy.guard_restricted_v1();

-- Legal holds --------------------------------------------------------------------------------------

CREATE TABLE privacy.legal_hold (
    id        uuid        PRIMARY KEY,
    hold_id   uuid        NOT NULL,
    number    integer     NOT NULL CHECK (number IN (1, 2)),
    subject   uuid        NOT NULL,
    reference text        NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    actor     text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    at        timestamptz NOT NULL,
    xact      bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt      uuid        NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (hold_id, number)
);
COMMENT ON TABLE privacy.legal_hold IS
    'A court''s or an authority''s order to keep what is held of a subject. Row 1 places it, row 2, by another person, releases it.';
CREATE INDEX legal_hold_subject ON privacy.legal_hold (subject);

CREATE FUNCTION privacy.guard_legal_hold_v1() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    placed privacy.legal_hold;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('privacy.legal_hold ' || NEW.subject::text, 0));
    IF NEW.number = 2 THEN
        SELECT * INTO placed FROM privacy.legal_hold WHERE hold_id = NEW.hold_id AND number = 1;
        IF placed.id IS NULL OR placed.subject <> NEW.subject OR placed.reference <> NEW.reference
            OR lower(btrim(placed.actor)) = lower(btrim(NEW.actor))
        THEN
            RAISE EXCEPTION 'a legal hold is released by another person than placed it'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER legal_hold_guard BEFORE INSERT ON privacy.legal_hold
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_legal_hold_v1();

CREATE FUNCTION privacy.held(of_subject uuid) RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT FROM privacy.legal_hold AS placed
    WHERE placed.subject = of_subject AND placed.number = 1
      AND NOT EXISTS (SELECT FROM privacy.legal_hold AS released
                      WHERE released.hold_id = placed.hold_id AND released.number = 2)
);

-- Destruction --------------------------------------------------------------------------------------

CREATE TABLE privacy.destruction (
    subject    uuid        PRIMARY KEY,
    request_id uuid        NOT NULL REFERENCES privacy.data_request (id),
    at         timestamptz NOT NULL,
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);
COMMENT ON TABLE privacy.destruction IS
    'A subject that is erased. Only in the transaction that wrote its row may rows about the subject be removed, and '
    'that transaction commits only if the subject''s keys are destroyed in it.';

CREATE FUNCTION privacy.guard_destruction_v1() RETURNS trigger LANGUAGE plpgsql
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

GRANT DELETE ON privacy.sealed_row TO emoney_app;

-- Certificates -------------------------------------------------------------------------------------

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

-- All append-only, and leaves of the proof log -----------------------------------------------------

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'data_request', 'data_request_step', 'restriction', 'legal_hold', 'destruction', 'destruction_certificate']
    LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', name || '_append_only', name);
        EXECUTE format('CREATE INDEX %I ON privacy.%I USING brin (xact)
                        WITH (pages_per_range = 32, autosummarize = on)', name || '_xact', name);
    END LOOP;
END
$$;
GRANT SELECT ON privacy.data_request, privacy.data_request_step, privacy.restriction, privacy.legal_hold,
    privacy.destruction, privacy.destruction_certificate TO emoney_app;
GRANT INSERT (id, subject, subjects, kind, received_at, due_on, recorded_by) ON privacy.data_request TO emoney_app;
GRANT INSERT (id, request_id, number, state, ground, source, keep_until, actor, at)
    ON privacy.data_request_step TO emoney_app;
GRANT INSERT (id, subject, number, purposes, ground, request_id, actor, at) ON privacy.restriction TO emoney_app;
GRANT INSERT (id, hold_id, number, subject, reference, actor, at) ON privacy.legal_hold TO emoney_app;
GRANT INSERT (subject, request_id, at) ON privacy.destruction TO emoney_app;
GRANT INSERT (id, request_id, content, issued_at) ON privacy.destruction_certificate TO emoney_app;

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (40, 'privacy.data_request', 1, 'id', ARRAY[
        'salt uuid', 'subject uuid', 'subjects json', 'kind text', 'received_at time', 'recorded_by text']),
    (41, 'privacy.data_request_step', 1, 'id', ARRAY[
        'salt uuid', 'request_id uuid', 'number integer', 'state text', 'ground text', 'source text', 'keep_until json',
        'actor text', 'at time']),
    (42, 'privacy.restriction', 1, 'id', ARRAY[
        'salt uuid', 'subject uuid', 'number integer', 'purposes json', 'ground text', 'request_id uuid', 'actor text',
        'at time']),
    (43, 'privacy.legal_hold', 1, 'id', ARRAY[
        'salt uuid', 'hold_id uuid', 'number integer', 'subject uuid', 'reference text', 'actor text', 'at time']),
    (44, 'privacy.destruction_certificate', 1, 'id', ARRAY[
        'salt uuid', 'request_id uuid', 'content json', 'issued_at time']);
