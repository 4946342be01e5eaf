-- What leaves for analysis leaves out whose processing is restricted ---------------------------------

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

ALTER TABLE privacy.release ADD COLUMN restricted integer NOT NULL DEFAULT 0 CHECK (restricted >= 0);
GRANT INSERT (restricted) ON privacy.release TO emoney_app;

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (56, 'privacy.release', 2, 'id', ARRAY[
        'salt uuid', 'plan text', 'plan_hash bytes', 'purpose text', 'domain text', 'epoch integer', 'records integer',
        'suppressed integer', 'restricted integer', 'k_wanted integer', 'k_reached integer', 'sensitive json',
        'generalised json', 'content_hash bytes', 'released_by text', 'released_at time']);

-- The key of an epoch ends --------------------------------------------------------------------------

ALTER TABLE privacy.pseudonym_epoch
    DROP CONSTRAINT pseudonym_epoch_check,
    DROP CONSTRAINT pseudonym_epoch_check1,
    ADD COLUMN destroyed_at timestamptz CHECK (destroyed_at >= started_at);
-- Rows of this kind are there only after the way down.
ALTER TABLE privacy.pseudonym_epoch DISABLE TRIGGER guard;
UPDATE privacy.pseudonym_epoch SET destroyed_at = greatest(now(), started_at) WHERE wrapped IS NULL AND NOT reversible;
ALTER TABLE privacy.pseudonym_epoch ENABLE TRIGGER guard;
ALTER TABLE privacy.pseudonym_epoch
    ADD CONSTRAINT has_its_key CHECK ((wrapped IS NULL) = (reversible OR destroyed_at IS NOT NULL)),
    ADD CONSTRAINT has_its_kek CHECK ((kek IS NULL) = (wrapped IS NULL)),
    ADD CONSTRAINT had_a_key CHECK (destroyed_at IS NULL OR NOT reversible);
COMMENT ON TABLE privacy.pseudonym_epoch IS
    'Append-only, but for its key: it moves to another key-encryption key, and is destroyed once the epoch is over, by '
    'two persons. No key where tokens are random.';
GRANT UPDATE (destroyed_at) ON privacy.pseudonym_epoch TO emoney_app;

CREATE OR REPLACE FUNCTION privacy.guard_pseudonym_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.domain, NEW.epoch, NEW.reversible, NEW.started_by, NEW.started_at, NEW.xact, NEW.salt)
        <> (OLD.id, OLD.domain, OLD.epoch, OLD.reversible, OLD.started_by, OLD.started_at, OLD.xact, OLD.salt)
        OR OLD.wrapped IS NULL
        OR NOT coalesce(NEW.kek <> OLD.kek AND NEW.wrapped <> OLD.wrapped, NEW.destroyed_at IS NOT NULL)
        OR (NEW.wrapped IS NOT NULL AND NEW.destroyed_at IS NOT NULL)
    THEN
        RAISE EXCEPTION 'the key of an epoch is wrapped anew under another key-encryption key, or destroyed, and not changed otherwise'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.destroyed_at IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM privacy.pseudonym_epoch WHERE domain = NEW.domain AND epoch > NEW.epoch) THEN
            RAISE EXCEPTION 'the newest epoch of a domain keeps its key'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NOT privacy.destruction_agreed('pseudonym key', NEW.domain || '/' || NEW.epoch) THEN
            RAISE EXCEPTION 'two persons must agree before a key is destroyed'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;

ALTER TABLE privacy.key_request DROP CONSTRAINT key_request_kind_check, ADD CONSTRAINT key_request_kind_check
    CHECK (kind IN ('subject key', 'kek', 'index key', 'pseudonym key', 'root'));
ALTER TABLE privacy.key_event
    ADD COLUMN domain privacy.domain_name,
    DROP CONSTRAINT key_event_kind_check,
    ADD CONSTRAINT key_event_kind_check
        CHECK (kind IN ('subject key', 'kek', 'index key', 'pseudonym key', 'root')),
    DROP CONSTRAINT key_event_names,
    ADD CONSTRAINT key_event_names
        CHECK ((kind = 'subject key') = (subject IS NOT NULL) AND (kind = 'index key') = (index_name IS NOT NULL)
               AND (kind = 'pseudonym key') = (domain IS NOT NULL));
GRANT INSERT (domain) ON privacy.key_event TO emoney_app;

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (57, 'privacy.key_event', 3, 'id', ARRAY[
        'salt uuid', 'kind text', 'subject uuid', 'index_name text', 'domain text', 'version integer', 'kek text',
        'event text', 'actor text', 'reason text', 'happened_at time']);

-- Tokens are counted --------------------------------------------------------------------------------

-- How many tokens stand for these subjects; not which.
CREATE FUNCTION privacy.held_tokens_v1(subjects uuid[]) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FROM privacy.pseudonym_token WHERE subject = ANY (subjects)
$$;
REVOKE EXECUTE ON FUNCTION privacy.held_tokens_v1(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.held_tokens_v1(uuid[]) TO emoney_app;
