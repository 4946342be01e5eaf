-- The register of breaches.

CREATE TABLE privacy.breach (
    breach_id    uuid        NOT NULL,
    number       integer     NOT NULL CHECK (number > 0),
    noticed_at   timestamptz NOT NULL,
    what         text        NOT NULL CHECK (length(what) BETWEEN 1 AND 2000),
    categories   text[]      NOT NULL CHECK (cardinality(categories) BETWEEN 1 AND 20
                                             AND array_position(categories, NULL) IS NULL),
    subjects     bigint      NOT NULL CHECK (subjects >= 0),
    measures     text        NOT NULL CHECK (length(measures) BETWEEN 1 AND 2000),
    notified_at  timestamptz,
    late_reason text        CHECK (length(late_reason) BETWEEN 1 AND 2000),
    no_risk_reason text     CHECK (length(no_risk_reason) BETWEEN 1 AND 2000),
    recorded_by  text        NOT NULL CHECK (length(recorded_by) BETWEEN 1 AND 200),
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (breach_id, number),
    CHECK (noticed_at <= recorded_at),
    CHECK (notified_at BETWEEN noticed_at AND recorded_at),
    CHECK (late_reason IS NULL OR notified_at IS NOT NULL)
);
COMMENT ON TABLE privacy.breach IS
    'Append-only. The register of GDPR art. 33(5): what becomes known later, the notification too, is a further row.';
GRANT SELECT, INSERT ON privacy.breach TO emoney_app;
CREATE TRIGGER breach_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.breach
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- The clock of a breach starts once: no later row moves it, or takes a notification back.
CREATE FUNCTION privacy.guard_breach_v1() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before privacy.breach;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.breach_id::text, 0));
    SELECT * INTO before FROM privacy.breach WHERE breach_id = NEW.breach_id ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(before.number, 0) + 1 THEN
        RAISE EXCEPTION 'the rows of a breach are numbered without gaps' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF before.number IS NOT NULL AND (NEW.noticed_at <> before.noticed_at
        OR (before.notified_at IS NOT NULL AND NEW.notified_at IS DISTINCT FROM before.notified_at))
    THEN
        RAISE EXCEPTION 'when a breach was noticed and notified does not change'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.guard_breach_v1() FROM PUBLIC;
CREATE TRIGGER breach_guard BEFORE INSERT ON privacy.breach
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_breach_v1();
