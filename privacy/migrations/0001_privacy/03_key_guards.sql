-- What moves or ends a key: where a key may go, what it was before, and the events of it, which the database writes. Whoever
-- writes over a wrapped key by SQL leaves an event with their login, and the former wrapping, which can be put back.

-- name: of the index, or the domain. A former wrapping goes with its key, and with the key-encryption key that it is under;
-- otherwise after thirty days.
CREATE TABLE privacy.former_wrapping (
    id       uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    kind     text        NOT NULL CHECK (kind IN ('subject key', 'index key', 'pseudonym key')),
    subject  uuid,
    name     text,
    version  integer     NOT NULL,
    kek      text        NOT NULL REFERENCES privacy.kek (id),
    wrapped  bytea       NOT NULL,
    by_login text        NOT NULL DEFAULT session_user,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (num_nonnulls(subject, name) = 1)
);
COMMENT ON TABLE privacy.former_wrapping IS
    'What keys were wrapped as before they moved under another key-encryption key, for thirty days: what is written over is '
    'not lost. Only the database writes here.';
CREATE INDEX former_wrapping_subject ON privacy.former_wrapping (subject, version);
CREATE INDEX former_wrapping_kek ON privacy.former_wrapping (kek);
CREATE INDEX former_wrapping_at ON privacy.former_wrapping (at);
GRANT SELECT ON privacy.former_wrapping TO emoney_app;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON privacy.former_wrapping
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Refuse to wrap a key under another key-encryption key, unless that is active, of the same use and not about to end, and
-- a rotation runs; or the key goes to a month, of an erasure that waits for it or of a legal hold, or leaves one. Back to
-- what it was a key goes without a rotation.
CREATE FUNCTION privacy.admit_wrapping_v1(
    of_kind text, of_subject uuid, of_name text, of_version integer, was_under text, goes_under text, becomes bytea
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    former privacy.kek;
    above privacy.kek;
    back boolean;
    may boolean;
BEGIN
    SELECT * INTO former FROM privacy.kek WHERE id = was_under;
    SELECT * INTO above FROM privacy.kek WHERE id = goes_under;
    back := above.state <> 'destroyed' AND EXISTS (
        SELECT FROM privacy.former_wrapping AS f
        WHERE f.kind = of_kind AND f.version = of_version AND f.kek = goes_under AND f.wrapped = becomes
          AND f.subject IS NOT DISTINCT FROM of_subject AND f.name IS NOT DISTINCT FROM of_name
    );
    IF back IS NOT TRUE AND (above.state IS DISTINCT FROM 'active' OR above.use <> 'wrap ' || of_kind || 's') THEN
        RAISE EXCEPTION 'keys are wrapped under an active key-encryption key of their use'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF above.expires_month IS NOT DISTINCT FROM former.expires_month THEN
        may := back OR EXISTS (SELECT FROM privacy.rotation WHERE kind = 'rewrap' AND finished_at IS NULL);
    ELSIF above.expires_month IS NULL THEN
        may := true;
    ELSIF above.expires_month = '9999-12-01' THEN
        may := privacy.held(of_subject);
    ELSE
        may := EXISTS (
            SELECT FROM privacy.data_request AS asked
            CROSS JOIN LATERAL (SELECT state, keep_until FROM privacy.data_request_step
                                WHERE request_id = asked.id ORDER BY number DESC LIMIT 1) AS now
            WHERE asked.subjects @> ARRAY[of_subject] AND asked.kind = 'erasure' AND now.state = 'kept'
              AND date_trunc('month', now.keep_until) <= above.expires_month
        );
    END IF;
    IF NOT may THEN
        RAISE EXCEPTION 'a key is wrapped anew in a rotation, for an erasure that waits, or for a legal hold'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (above.expires_month IS NULL OR above.expires_month = former.expires_month)
        AND EXISTS (SELECT FROM privacy.destruction_agreed_v1('kek', goes_under, true))
    THEN
        RAISE EXCEPTION 'no key goes under a key-encryption key whose end is agreed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.admit_wrapping_v1 FROM PUBLIC;

-- After a wrapped key was exchanged or removed. Argument: the kind of key.
CREATE FUNCTION privacy.record_wrapping_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_kind constant text := TG_ARGV[0];
    was constant jsonb := to_jsonb(OLD);
    of_subject constant uuid := was ->> 'subject';
    of_name constant text := coalesce(was ->> 'index_name', was ->> 'domain');
    of_version constant integer := coalesce(was ->> 'version', was ->> 'epoch');
    agreed_by text;
    why text;
BEGIN
    IF NEW.wrapped IS NOT NULL THEN
        INSERT INTO privacy.former_wrapping (kind, subject, name, version, kek, wrapped)
        VALUES (of_kind, of_subject, of_name, of_version, OLD.kek, OLD.wrapped);
    ELSE
        DELETE FROM privacy.former_wrapping AS f
        WHERE f.kind = of_kind AND f.version = of_version
          AND CASE WHEN of_subject IS NULL THEN f.name = of_name ELSE f.subject = of_subject END;
        SELECT actor, reason INTO agreed_by, why FROM (
            SELECT * FROM privacy.destruction_agreed_v1(
                of_kind, coalesce(of_subject::text, of_name || '/' || of_version), false)
            UNION ALL
            SELECT * FROM privacy.destruction_agreed_v1('kek', OLD.kek, true)
        ) AS each LIMIT 1;
    END IF;
    INSERT INTO privacy.key_event (id, kind, subject, index_name, domain, version, kek, event, actor, reason, happened_at)
    VALUES (gen_random_uuid(), of_kind, of_subject, was ->> 'index_name', was ->> 'domain', of_version,
            coalesce(NEW.kek, OLD.kek), CASE WHEN NEW.wrapped IS NULL THEN 'destroyed' ELSE 'rewrapped' END,
            agreed_by, why, clock_timestamp());
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.record_wrapping_v1() FROM PUBLIC;
CREATE TRIGGER subject_key_wrapped AFTER UPDATE ON privacy.subject_key
    FOR EACH ROW WHEN (NEW.wrapped IS DISTINCT FROM OLD.wrapped)
    EXECUTE FUNCTION privacy.record_wrapping_v1('subject key');

CREATE FUNCTION privacy.record_kek_end_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM privacy.former_wrapping WHERE kek = NEW.id;
    INSERT INTO privacy.key_event (id, kind, kek, event, actor, reason, happened_at)
    SELECT gen_random_uuid(), 'kek', NEW.id, 'destroyed', agreed.actor, agreed.reason, clock_timestamp()
    FROM privacy.destruction_agreed_v1('kek', NEW.id, false) AS agreed;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.record_kek_end_v1() FROM PUBLIC;
CREATE TRIGGER kek_ended AFTER UPDATE ON privacy.kek
    FOR EACH ROW WHEN (NEW.state = 'destroyed' AND OLD.state <> 'destroyed')
    EXECUTE FUNCTION privacy.record_kek_end_v1();

-- These events are the database's own. Their actor is who agreed, and not who acts here.
CREATE FUNCTION privacy.guard_key_event_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION 'that a key was %, the database writes itself', NEW.event USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER key_event_own BEFORE INSERT ON privacy.key_event
    FOR EACH ROW WHEN (NEW.event IN ('rewrapped', 'destroyed')) EXECUTE FUNCTION privacy.guard_key_event_v1();
CREATE TRIGGER actor BEFORE INSERT ON privacy.key_event
    FOR EACH ROW WHEN (NEW.event NOT IN ('rewrapped', 'destroyed')) EXECUTE FUNCTION ledger.compare_actor_v1('actor');

-- A key that is marked compromised opens nothing: that has an event with who and why, before it is committed.
CREATE FUNCTION privacy.demand_compromise_event_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    marked constant jsonb := to_jsonb(NEW);
BEGIN
    IF NOT EXISTS (
        SELECT FROM privacy.key_event AS e
        WHERE e.event = 'compromised' AND e.kind = TG_ARGV[0] AND e.xact = pg_current_xact_id()::text::bigint
          AND CASE TG_ARGV[0] WHEN 'kek' THEN e.kek = marked ->> 'id'
              ELSE e.version = (marked ->> 'version')::integer AND e.subject IS NOT DISTINCT FROM (marked ->> 'subject')::uuid
                  AND e.index_name IS NOT DISTINCT FROM marked ->> 'index_name' END
    ) THEN
        RAISE EXCEPTION 'a key is marked compromised together with an event that says who did it, and why'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.demand_compromise_event_v1() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER subject_key_compromised AFTER UPDATE ON privacy.subject_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'compromised' AND OLD.state <> 'compromised')
    EXECUTE FUNCTION privacy.demand_compromise_event_v1('subject key');
CREATE CONSTRAINT TRIGGER kek_compromised AFTER UPDATE ON privacy.kek
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'compromised' AND OLD.state <> 'compromised')
    EXECUTE FUNCTION privacy.demand_compromise_event_v1('kek');

-- Former wrappings, of those that are thirty days old by this database's clock; returns how many went.
CREATE FUNCTION privacy.drop_former_wrappings_v1(of_ids uuid[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (
        DELETE FROM privacy.former_wrapping
        WHERE id = ANY (of_ids) AND at <= clock_timestamp() - interval '30 days' RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
REVOKE EXECUTE ON FUNCTION privacy.drop_former_wrappings_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.drop_former_wrappings_v1 TO emoney_app;
