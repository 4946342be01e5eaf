-- What persons ask for and what is decided of it, whose processing is restricted, and what is under a legal hold. All
-- tables are append-only: what changes is a further row. A subject is one of the ids of a person's records; no text here
-- names a person.

-- Requests ----------------------------------------------------------------------------------------

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
CREATE INDEX data_request_subjects ON privacy.data_request USING gin (subjects);
CREATE INDEX data_request_xact ON privacy.data_request
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, subject, subjects, kind, received_at, due_on, recorded_by) ON privacy.data_request TO emoney_app;
CREATE TRIGGER data_request_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.data_request
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER clock BEFORE INSERT ON privacy.data_request
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_recorded_v1('received_at');

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
CREATE INDEX data_request_step_xact ON privacy.data_request_step
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, request_id, number, state, ground, source, keep_until, actor, at)
    ON privacy.data_request_step TO emoney_app;
CREATE TRIGGER data_request_step_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.data_request_step
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER clock BEFORE INSERT ON privacy.data_request_step
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_recorded_v1('at');

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

-- Restriction -------------------------------------------------------------------------------------

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
CREATE INDEX restriction_xact ON privacy.restriction
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, subject, number, purposes, ground, request_id, actor, at) ON privacy.restriction TO emoney_app;
CREATE TRIGGER restriction_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.restriction
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER clock BEFORE INSERT ON privacy.restriction
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_recorded_v1('at');

CREATE FUNCTION privacy.restricted_v1() RETURNS TABLE (subject uuid, purposes text[])
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT newest.subject, newest.purposes FROM (
        SELECT DISTINCT ON (r.subject) r.subject, r.purposes FROM privacy.restriction AS r
        ORDER BY r.subject, r.number DESC
    ) AS newest
    WHERE newest.purposes IS NOT NULL;
END;
COMMENT ON FUNCTION privacy.restricted_v1() IS 'Whose processing is restricted now, and for what their data is still used.';

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

-- Legal holds -------------------------------------------------------------------------------------

-- To lift one takes two persons: the request's target is the hold.
INSERT INTO ledger.request_action (name, deciders) VALUES ('lifting_hold', '{legal, compliance_officer, dpo}')
ON CONFLICT (name) DO NOTHING;

CREATE TABLE privacy.legal_hold (
    id        uuid        PRIMARY KEY,
    hold_id   uuid        NOT NULL,
    number    integer     NOT NULL CHECK (number IN (1, 2)),
    subject   uuid        NOT NULL,
    reference text        NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    request_id uuid       UNIQUE REFERENCES ledger.request_decision (request_id),
    actor     ledger.actor NOT NULL,
    at        timestamptz NOT NULL,
    xact      bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt      uuid        NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (hold_id, number),
    CHECK ((number = 2) = (request_id IS NOT NULL))
);
COMMENT ON TABLE privacy.legal_hold IS
    'A court''s or an authority''s order to keep what is held of a subject. Row 1 places it, row 2, to which two persons '
    'agreed, releases it.';
CREATE INDEX legal_hold_subject ON privacy.legal_hold (subject);
CREATE INDEX legal_hold_xact ON privacy.legal_hold
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, hold_id, number, subject, reference, request_id, actor, at) ON privacy.legal_hold TO emoney_app;
CREATE TRIGGER legal_hold_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.legal_hold
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER clock BEFORE INSERT ON privacy.legal_hold
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_recorded_v1('at');

-- Whoever places a hold keeps something; to release one takes two, of whom the second, with the role for it, did not place it.
CREATE FUNCTION privacy.guard_legal_hold_v1() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    placed privacy.legal_hold;
    agreed_by text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('privacy.legal_hold ' || NEW.subject::text, 0));
    IF NEW.number = 2 THEN
        SELECT * INTO placed FROM privacy.legal_hold WHERE hold_id = NEW.hold_id AND number = 1;
        SELECT decided.actor INTO agreed_by
        FROM ledger.request AS asked JOIN ledger.request_decision AS decided ON decided.request_id = asked.id
        WHERE asked.id = NEW.request_id AND asked.action = 'lifting_hold' AND asked.target = NEW.hold_id::text
          AND asked.requested_at >= placed.at AND decided.outcome = 'approved';
        IF placed.id IS NULL OR placed.subject <> NEW.subject OR placed.reference <> NEW.reference
            OR placed.at > NEW.at OR ledger.same_person(placed.actor, NEW.actor)
            OR ledger.same_person(placed.actor, agreed_by)
        THEN
            RAISE EXCEPTION 'a legal hold is released by another person than placed it'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF agreed_by IS NULL THEN
            RAISE EXCEPTION 'to release a legal hold takes two persons' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.guard_legal_hold_v1() FROM PUBLIC;
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
