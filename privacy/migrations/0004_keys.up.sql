-- Keys: key-encryption keys and their uses, the states of all keys, dual control, runs of rotation.

-- What may follow what (NIST SP 800-57 part 1, section 7, in fewer states).
CREATE FUNCTION privacy.key_may_become(was text, becomes text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE was
    WHEN 'pre-active' THEN becomes IN ('active', 'compromised', 'destroyed')
    WHEN 'active' THEN becomes IN ('decrypt-only', 'compromised', 'destroyed')
    WHEN 'decrypt-only' THEN becomes IN ('compromised', 'destroyed')
    WHEN 'compromised' THEN becomes = 'destroyed'
    ELSE false
END;

-- Dual control -------------------------------------------------------------------------------------

CREATE TABLE privacy.key_request (
    id           uuid        PRIMARY KEY,
    action       text        NOT NULL CHECK (action IN ('destroy', 'export')),
    kind         text        NOT NULL CHECK (kind IN ('subject key', 'kek', 'index key', 'root')),
    target       text        NOT NULL CHECK (length(target) BETWEEN 1 AND 200),
    reason       text        NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    requested_by text        NOT NULL CHECK (length(requested_by) BETWEEN 1 AND 200),
    requested_at timestamptz NOT NULL,
    approved_by  text        CHECK (length(approved_by) BETWEEN 1 AND 200),
    approved_at  timestamptz,
    done_at      timestamptz,
    CHECK (lower(btrim(approved_by)) <> lower(btrim(requested_by))),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    CHECK (approved_at BETWEEN requested_at AND requested_at + interval '7 days'),
    CHECK (done_at IS NULL OR done_at >= approved_at)
);
COMMENT ON TABLE privacy.key_request IS
    'What one person asked for and another, within seven days, agreed to. Filled in once, never changed.';
CREATE INDEX key_request_target ON privacy.key_request (target);
GRANT SELECT, INSERT (id, action, kind, target, reason, requested_by, requested_at),
    UPDATE (approved_by, approved_at, done_at) ON privacy.key_request TO emoney_app;

CREATE FUNCTION privacy.guard_key_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.approved_by IS NULL AND NEW.approved_at IS NULL AND NEW.done_at IS NULL THEN
            RETURN NEW;
        END IF;
    ELSIF (NEW.id, NEW.action, NEW.kind, NEW.target, NEW.reason, NEW.requested_by, NEW.requested_at)
        = (OLD.id, OLD.action, OLD.kind, OLD.target, OLD.reason, OLD.requested_by, OLD.requested_at)
        AND ((OLD.approved_by IS NULL AND NEW.done_at IS NULL)
            OR ((NEW.approved_by, NEW.approved_at) = (OLD.approved_by, OLD.approved_at) AND OLD.done_at IS NULL))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a request is asked for, approved and done in three steps, each once'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER key_request_guard BEFORE INSERT OR UPDATE ON privacy.key_request
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_key_request();
CREATE TRIGGER key_request_keep BEFORE DELETE OR TRUNCATE ON privacy.key_request
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE FUNCTION privacy.destruction_agreed(of_kind text, of_target text) RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT FROM privacy.key_request
    WHERE action = 'destroy' AND kind = of_kind AND target = of_target
      AND approved_by IS NOT NULL AND done_at IS NULL
);

-- Key-encryption keys ------------------------------------------------------------------------------

CREATE TABLE privacy.kek (
    id            text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    provider      text        NOT NULL CHECK (length(provider) BETWEEN 1 AND 40),
    use           text        NOT NULL CHECK (use IN ('wrap subject keys', 'wrap index keys')),
    expires_month date        CHECK (expires_month = date_trunc('month', expires_month)),
    state         text        NOT NULL CHECK (state IN ('pre-active', 'active', 'decrypt-only', 'compromised', 'destroyed')),
    created_at    timestamptz NOT NULL,
    seal_until    timestamptz NOT NULL,
    open_until    timestamptz NOT NULL,
    CHECK (created_at < seal_until AND seal_until <= open_until)
);
COMMENT ON TABLE privacy.kek IS
    'Key-encryption keys, which are in their provider: here is what they are for and where they stand. '
    'expires_month: of the records below it, so that destroying it ends them in every copy; none: not bound to a month.';
CREATE UNIQUE INDEX kek_one_active ON privacy.kek (use, expires_month) NULLS NOT DISTINCT WHERE state = 'active';
GRANT SELECT, INSERT, UPDATE (state) ON privacy.kek TO emoney_app;

CREATE FUNCTION privacy.guard_kek() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT privacy.key_may_become(OLD.state, NEW.state)
        OR (NEW.id, NEW.provider, NEW.use, NEW.created_at, NEW.seal_until, NEW.open_until)
        <> (OLD.id, OLD.provider, OLD.use, OLD.created_at, OLD.seal_until, OLD.open_until)
        OR NEW.expires_month IS DISTINCT FROM OLD.expires_month
    THEN
        RAISE EXCEPTION 'a key-encryption key does not become % from %', NEW.state, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'destroyed' AND NOT privacy.destruction_agreed('kek', NEW.id) THEN
        RAISE EXCEPTION 'two persons must agree before a key is destroyed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER kek_guard BEFORE UPDATE ON privacy.kek FOR EACH ROW EXECUTE FUNCTION privacy.guard_kek();
CREATE TRIGGER kek_keep BEFORE DELETE OR TRUNCATE ON privacy.kek
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- The keys that databases of the first version have: one local key, the newest subject's the active one.
INSERT INTO privacy.kek (id, provider, use, state, created_at, seal_until, open_until)
SELECT kek, 'local', 'wrap subject keys',
       CASE row_number() OVER (ORDER BY max(created_at) DESC, kek) WHEN 1 THEN 'active' ELSE 'decrypt-only' END,
       min(created_at), min(created_at) + interval '2 years', min(created_at) + interval '12 years'
FROM privacy.subject_key GROUP BY kek;

-- Subject keys -------------------------------------------------------------------------------------

ALTER TABLE privacy.subject_key
    DROP CONSTRAINT subject_key_state_check,
    ADD CONSTRAINT subject_key_state_check
        CHECK (state IN ('pre-active', 'active', 'decrypt-only', 'compromised', 'destroyed')),
    ADD COLUMN seal_until timestamptz,
    ADD COLUMN open_until timestamptz,
    ADD COLUMN made_by uuid,
    ADD FOREIGN KEY (kek) REFERENCES privacy.kek (id);
ALTER TABLE privacy.subject_key DISABLE TRIGGER subject_key_guard;
UPDATE privacy.subject_key
SET seal_until = created_at + interval '2 years', open_until = created_at + interval '12 years';
ALTER TABLE privacy.subject_key ENABLE TRIGGER subject_key_guard;
ALTER TABLE privacy.subject_key
    ALTER COLUMN seal_until SET NOT NULL,
    ALTER COLUMN open_until SET NOT NULL,
    ADD CHECK (created_at < seal_until AND seal_until <= open_until);
-- made_by: the rotation that made this version, if one did.

GRANT UPDATE (kek) ON privacy.subject_key TO emoney_app;

-- A wrapped key may move to another key-encryption key of the same use; otherwise only its state may change.
CREATE OR REPLACE FUNCTION privacy.guard_subject_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.subject, NEW.version, NEW.created_at, NEW.seal_until, NEW.open_until)
        <> (OLD.subject, OLD.version, OLD.created_at, OLD.seal_until, OLD.open_until)
        OR NEW.made_by IS DISTINCT FROM OLD.made_by
    THEN
        RAISE EXCEPTION 'a subject key is not exchanged for another'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = OLD.state THEN
        IF OLD.state = 'destroyed' OR NEW.kek = OLD.kek OR NEW.wrapped = OLD.wrapped THEN
            RAISE EXCEPTION 'a subject key is wrapped anew under another key-encryption key only'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT privacy.key_may_become(OLD.state, NEW.state) OR NEW.kek <> OLD.kek
        OR (NEW.state <> 'destroyed' AND NEW.wrapped <> OLD.wrapped)
    THEN
        RAISE EXCEPTION 'a subject key does not become % from %', NEW.state, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'destroyed'
        AND NOT privacy.destruction_agreed('subject key', NEW.subject::text)
        AND NOT privacy.destruction_agreed('kek', NEW.kek)
    THEN
        RAISE EXCEPTION 'two persons must agree before a key is destroyed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

-- One key, one use: what a subject key is wrapped under wraps subject keys, and may still take new ones.
CREATE FUNCTION privacy.guard_wrapping() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT kek FROM written) AS under
        LEFT JOIN privacy.kek ON kek.id = under.kek AND kek.use = TG_ARGV[0] AND kek.state = 'active'
        WHERE kek.id IS NULL
    ) THEN
        RAISE EXCEPTION 'keys are wrapped under an active key-encryption key of their use'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER subject_key_wrapping AFTER INSERT ON privacy.subject_key
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION privacy.guard_wrapping('wrap subject keys');

CREATE FUNCTION privacy.guard_rewrapping() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM privacy.kek WHERE id = NEW.kek AND use = TG_ARGV[0] AND state = 'active'
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'keys are wrapped under an active key-encryption key of their use'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER subject_key_rewrapping BEFORE UPDATE OF kek ON privacy.subject_key
    FOR EACH ROW WHEN (NEW.kek <> OLD.kek)
    EXECUTE FUNCTION privacy.guard_rewrapping('wrap subject keys');

-- Key events ---------------------------------------------------------------------------------------

ALTER TABLE privacy.key_event
    DROP CONSTRAINT key_event_subject_version_event_key,
    DROP CONSTRAINT key_event_event_check,
    DROP CONSTRAINT key_event_check,
    ALTER COLUMN subject DROP NOT NULL,
    ALTER COLUMN version DROP NOT NULL,
    ADD COLUMN kind text NOT NULL DEFAULT 'subject key'
        CHECK (kind IN ('subject key', 'kek', 'index key', 'root')),
    ADD COLUMN index_name text CHECK (length(index_name) BETWEEN 1 AND 100),
    ADD CONSTRAINT key_event_event_check CHECK (event IN (
        'created', 'activated', 'retired', 'rewrapped', 'compromised', 'destroyed', 'exported',
        'destroy requested', 'export requested')),
    ADD CONSTRAINT key_event_accountable
        CHECK (event IN ('created', 'activated', 'retired', 'rewrapped') OR (actor IS NOT NULL AND reason IS NOT NULL)),
    ADD CONSTRAINT key_event_names
        CHECK ((kind = 'subject key') = (subject IS NOT NULL) AND (kind = 'index key') = (index_name IS NOT NULL));
ALTER TABLE privacy.key_event ALTER COLUMN kind DROP DEFAULT;
GRANT INSERT (kind, index_name) ON privacy.key_event TO emoney_app;
CREATE UNIQUE INDEX key_event_once ON privacy.key_event (subject, version, event)
    WHERE event IN ('created', 'destroyed');
COMMENT ON TABLE privacy.key_event IS
    'Append-only. What happened to keys. Those made and rotated by program have no actor; the other events have one, and a reason.';

-- Events from here on commit to what is new in them, too; those before keep their leaves.
INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (36, 'privacy.key_event', 2, 'id', ARRAY[
        'salt uuid', 'kind text', 'subject uuid', 'index_name text', 'version integer', 'kek text', 'event text',
        'actor text', 'reason text', 'happened_at time']);

-- Rotation -----------------------------------------------------------------------------------------

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
