DROP FUNCTION privacy.held_tokens_v1(uuid[]);

ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source
WHERE (relation, version) IN (('privacy.release', 2), ('privacy.key_event', 3));
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

ALTER TABLE privacy.release DROP COLUMN restricted;
DROP FUNCTION privacy.restricted_v1();

ALTER TABLE privacy.key_event DISABLE TRIGGER key_event_append_only;
DELETE FROM privacy.key_event WHERE kind = 'pseudonym key';
ALTER TABLE privacy.key_event ENABLE TRIGGER key_event_append_only;
ALTER TABLE privacy.key_event
    DROP CONSTRAINT key_event_names,
    DROP CONSTRAINT key_event_kind_check,
    DROP COLUMN domain,
    ADD CONSTRAINT key_event_kind_check CHECK (kind IN ('subject key', 'kek', 'index key', 'root')),
    ADD CONSTRAINT key_event_names
        CHECK ((kind = 'subject key') = (subject IS NOT NULL) AND (kind = 'index key') = (index_name IS NOT NULL));
ALTER TABLE privacy.key_request DISABLE TRIGGER key_request_keep;
DELETE FROM privacy.key_request WHERE kind = 'pseudonym key';
ALTER TABLE privacy.key_request ENABLE TRIGGER key_request_keep;
ALTER TABLE privacy.key_request DROP CONSTRAINT key_request_kind_check, ADD CONSTRAINT key_request_kind_check
    CHECK (kind IN ('subject key', 'kek', 'index key', 'root'));

CREATE OR REPLACE FUNCTION privacy.guard_pseudonym_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.domain, NEW.epoch, NEW.reversible, NEW.started_by, NEW.started_at, NEW.xact, NEW.salt)
        = (OLD.id, OLD.domain, OLD.epoch, OLD.reversible, OLD.started_by, OLD.started_at, OLD.xact, OLD.salt)
        AND NEW.kek <> OLD.kek AND NEW.wrapped <> OLD.wrapped
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the key of an epoch is wrapped anew under another key-encryption key, and not changed otherwise'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
-- Keys that were destroyed stay so: the rows without them are let stand.
ALTER TABLE privacy.pseudonym_epoch
    DROP CONSTRAINT has_its_key,
    DROP CONSTRAINT has_its_kek,
    DROP CONSTRAINT had_a_key,
    DROP COLUMN destroyed_at,
    ADD CONSTRAINT pseudonym_epoch_check CHECK (reversible = (wrapped IS NULL)) NOT VALID,
    ADD CONSTRAINT pseudonym_epoch_check1 CHECK (reversible = (kek IS NULL)) NOT VALID;
