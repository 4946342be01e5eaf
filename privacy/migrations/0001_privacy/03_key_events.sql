-- What happened to keys, and the runs that rotate them.

CREATE TABLE privacy.key_event (
    id          uuid                PRIMARY KEY,
    kind        text                NOT NULL CHECK (kind IN ('subject key', 'kek', 'index key', 'pseudonym key', 'root')),
    subject     uuid,
    index_name  text                CHECK (length(index_name) BETWEEN 1 AND 100),
    domain      privacy.domain_name,
    version     integer,
    kek         text                NOT NULL,
    event       text                NOT NULL CHECK (event IN (
                    'created', 'activated', 'retired', 'rewrapped', 'compromised', 'destroyed', 'exported',
                    'destroy requested', 'export requested')),
    actor       text                CHECK (length(actor) BETWEEN 1 AND 200),
    reason      text                CHECK (length(reason) BETWEEN 1 AND 500),
    happened_at timestamptz         NOT NULL,
    by_login    text                NOT NULL DEFAULT session_user,
    xact        bigint              NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt        uuid                NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT key_event_accountable
        CHECK (event IN ('created', 'activated', 'retired', 'rewrapped') OR (actor IS NOT NULL AND reason IS NOT NULL)),
    CONSTRAINT key_event_names
        CHECK ((kind = 'subject key') = (subject IS NOT NULL) AND (kind = 'index key') = (index_name IS NOT NULL)
               AND (kind = 'pseudonym key') = (domain IS NOT NULL))
);
COMMENT ON TABLE privacy.key_event IS
    'Append-only. What happened to keys. Those made and rotated by program have no actor; the other events have one, and a '
    'reason. by_login: whose session it was, as the database knows it.';
CREATE UNIQUE INDEX key_event_once ON privacy.key_event (subject, version, event)
    WHERE event IN ('created', 'destroyed');
CREATE INDEX key_event_xact ON privacy.key_event USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, kind, subject, index_name, domain, version, kek, event, actor, reason, happened_at)
    ON privacy.key_event TO emoney_app;
CREATE TRIGGER key_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.key_event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Rotation ----------------------------------------------------------------------------------------

CREATE TABLE privacy.rotation (
    id          uuid        PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('rewrap', 're-encrypt', 're-index')),
    actor       text        NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    started_at  timestamptz NOT NULL,
    keys        bigint      NOT NULL DEFAULT 0 CHECK (keys >= 0),
    fields      bigint      NOT NULL DEFAULT 0 CHECK (fields >= 0),
    finished_at timestamptz CHECK (finished_at >= started_at)
);
COMMENT ON TABLE privacy.rotation IS
    'Runs of rotation. One without an end was interrupted, and the next run goes on with it. Counts are of work committed.';
CREATE UNIQUE INDEX rotation_one_unfinished ON privacy.rotation (kind) WHERE finished_at IS NULL;
GRANT SELECT, INSERT, UPDATE (keys, fields, finished_at) ON privacy.rotation TO emoney_app;
CREATE FUNCTION privacy.guard_rotation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.finished_at IS NULL AND NEW.keys >= OLD.keys AND NEW.fields >= OLD.fields
        AND (NEW.id, NEW.kind, NEW.actor, NEW.started_at) = (OLD.id, OLD.kind, OLD.actor, OLD.started_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a finished rotation stands, and counts only grow'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER rotation_guard BEFORE UPDATE ON privacy.rotation
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_rotation();
CREATE TRIGGER rotation_keep BEFORE DELETE OR TRUNCATE ON privacy.rotation
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
