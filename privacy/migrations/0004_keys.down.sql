-- Back to one state besides destroyed. Subjects with several key versions keep them all: the newest active one
-- stays, which is what the earlier version seals with; what was retired before it counts as destroyed there.
DROP TABLE privacy.rotation;
DROP FUNCTION privacy.guard_rotation();

ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation = 'privacy.key_event' AND version = 2;
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

ALTER TABLE privacy.key_event DISABLE TRIGGER key_event_append_only;
DELETE FROM privacy.key_event WHERE kind <> 'subject key' OR event NOT IN ('created', 'destroyed');
ALTER TABLE privacy.key_event ENABLE TRIGGER key_event_append_only;
DROP INDEX privacy.key_event_once;
ALTER TABLE privacy.key_event
    DROP CONSTRAINT key_event_names,
    DROP CONSTRAINT key_event_accountable,
    DROP CONSTRAINT key_event_event_check,
    DROP COLUMN index_name,
    DROP COLUMN kind,
    ALTER COLUMN subject SET NOT NULL,
    ALTER COLUMN version SET NOT NULL,
    ADD CONSTRAINT key_event_event_check CHECK (event IN ('created', 'destroyed')),
    ADD CONSTRAINT key_event_check CHECK (event = 'created' OR (actor IS NOT NULL AND reason IS NOT NULL)),
    ADD CONSTRAINT key_event_subject_version_event_key UNIQUE (subject, version, event);

DROP TRIGGER subject_key_rewrapping ON privacy.subject_key;
DROP TRIGGER subject_key_wrapping ON privacy.subject_key;
DROP FUNCTION privacy.guard_wrapping(), privacy.guard_rewrapping();
ALTER TABLE privacy.subject_key DISABLE TRIGGER subject_key_guard;
UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL WHERE state NOT IN ('active', 'destroyed');
ALTER TABLE privacy.subject_key ENABLE TRIGGER subject_key_guard;
CREATE OR REPLACE FUNCTION privacy.guard_subject_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'active' AND NEW.state = 'destroyed' AND NEW.wrapped IS NULL
        AND (NEW.subject, NEW.version, NEW.kek, NEW.created_at)
          = (OLD.subject, OLD.version, OLD.kek, OLD.created_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a subject key can only be destroyed, not changed otherwise'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
REVOKE UPDATE (kek) ON privacy.subject_key FROM emoney_app;
ALTER TABLE privacy.subject_key
    DROP CONSTRAINT subject_key_kek_fkey,
    DROP CONSTRAINT subject_key_state_check,
    ADD CONSTRAINT subject_key_state_check CHECK (state IN ('active', 'destroyed')),
    DROP COLUMN seal_until,
    DROP COLUMN open_until,
    DROP COLUMN made_by;
DROP FUNCTION privacy.destruction_agreed(text, text);
DROP TABLE privacy.kek, privacy.key_request;
DROP FUNCTION privacy.guard_kek(), privacy.guard_key_request(), privacy.key_may_become(text, text);
