-- Who the holders are, and what their details were before a rectification. Persons are found by
-- privacy.index_entry.

-- A legal entity is a person whose name is the registered one and whose id number is the register's.
-- holder_id: the record that stands for the person, where this one was linked to it (kyc.person_link).
-- details_version: counts rectifications; the version before is kept in kyc.person_version.
CREATE TABLE kyc.person (
    id uuid PRIMARY KEY,
    external_ref text NOT NULL UNIQUE CHECK (length(external_ref) BETWEEN 1 AND 128),
    name kyc.sealed,
    birth_date kyc.sealed,
    phone kyc.sealed,
    id_kind kyc.sealed,
    id_number kyc.sealed,
    address kyc.sealed,
    enrolled_at timestamptz NOT NULL,
    kind text NOT NULL DEFAULT 'natural' CHECK (kind IN ('natural', 'legal_entity')),
    id_country kyc.sealed,
    tax_number kyc.sealed,
    tax_country kyc.sealed,
    holder_id uuid REFERENCES kyc.person (id) CHECK (holder_id <> id),
    details_version integer NOT NULL DEFAULT 1 CHECK (details_version >= 1)
);
CREATE INDEX person_holder ON kyc.person (holder_id) WHERE holder_id IS NOT NULL;
CREATE INDEX person_enrolled ON kyc.person USING brin (enrolled_at);

-- Sealed columns may be sealed anew: by a rotation of keys, and when a detail is corrected. An older ciphertext
-- put back does not open (privacy.sealed_row). Only kyc.follow_link_v1 changes holder_id.
GRANT SELECT, INSERT, DELETE ON kyc.person TO emoney_app;
GRANT UPDATE (name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address,
    details_version) ON kyc.person TO emoney_app;

CREATE TRIGGER no_removal BEFORE TRUNCATE ON kyc.person
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.person
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('id');

-- Rectification: what is to be changed of a person's details. Values are sealed, at a place of their own each; names
-- of fields are not. fields: those that are changed; a field without a value in its column is removed. version: of
-- the details that it was asked for; of another one it is not done. needs_two: where anything of the person is
-- verified.
CREATE TABLE kyc.rectification (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    version integer NOT NULL CHECK (version >= 1),
    fields text[] NOT NULL CHECK (cardinality(fields) BETWEEN 1 AND 9 AND fields <@ ARRAY[
        'name', 'birth_date', 'phone', 'id_kind', 'id_number', 'id_country', 'tax_number', 'tax_country', 'address']),
    name kyc.sealed,
    birth_date kyc.sealed,
    phone kyc.sealed,
    id_kind kyc.sealed,
    id_number kyc.sealed,
    id_country kyc.sealed,
    tax_number kyc.sealed,
    tax_country kyc.sealed,
    address kyc.sealed,
    id_expires_on date,
    needs_two boolean NOT NULL,
    requested_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    requested_at timestamptz NOT NULL,
    UNIQUE (id, person_id, version, needs_two)
);
CREATE INDEX rectification_person ON kyc.rectification (person_id);
GRANT SELECT, INSERT, DELETE ON kyc.rectification TO emoney_app;
GRANT UPDATE (name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address)
    ON kyc.rectification TO emoney_app;

-- Values may be sealed anew under another key, and nothing else of the row changes.
CREATE TRIGGER append_only BEFORE UPDATE OF id, person_id, version, fields, id_expires_on, needs_two, requested_by,
        reason, requested_at ON kyc.rectification
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER no_removal BEFORE TRUNCATE ON kyc.rectification
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.rectification
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id');

-- What the details were before a rectification, as a whole. No leaf of the proof log: an erasure takes them; the event
-- person.rectified tells which were corrected, when and by whom.
CREATE TABLE kyc.person_version (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    number integer NOT NULL CHECK (number >= 1),
    name kyc.sealed,
    birth_date kyc.sealed,
    phone kyc.sealed,
    id_kind kyc.sealed,
    id_number kyc.sealed,
    id_country kyc.sealed,
    tax_number kyc.sealed,
    tax_country kyc.sealed,
    address kyc.sealed,
    rectification_id uuid NOT NULL UNIQUE,
    needs_two boolean NOT NULL,
    fields text[] NOT NULL,
    replaced_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    replaced_at timestamptz NOT NULL,
    approval_id uuid,
    approval_action text NOT NULL GENERATED ALWAYS AS ('rectification') STORED,
    approval_outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    UNIQUE (person_id, number),
    FOREIGN KEY (rectification_id, person_id, number, needs_two)
        REFERENCES kyc.rectification (id, person_id, version, needs_two),
    FOREIGN KEY (approval_id, approval_action, rectification_id, approval_outcome)
        REFERENCES ledger.request_decision (request_id, action, subject, outcome),
    CONSTRAINT rectification_takes_two CHECK (NOT needs_two OR approval_id IS NOT NULL)
);
GRANT SELECT, DELETE ON kyc.person_version TO emoney_app;
GRANT INSERT (id, person_id, number, name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country,
    address, rectification_id, needs_two, fields, replaced_by, reason, replaced_at, approval_id)
    ON kyc.person_version TO emoney_app;
GRANT UPDATE (name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address)
    ON kyc.person_version TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OF id, person_id, number, rectification_id, needs_two, fields, replaced_by,
        reason, replaced_at, approval_id ON kyc.person_version
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER no_removal BEFORE TRUNCATE ON kyc.person_version
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.person_version
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id');

-- needs_two is what was known when the rectification was asked for; here the evidence itself is asked, when it is done.
CREATE FUNCTION kyc.demand_two_where_verified_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.approval_id IS NULL AND EXISTS (
        SELECT FROM kyc.evidence WHERE person_id = NEW.person_id AND state IN ('verified', 'registry_verified')
    ) THEN
        RAISE EXCEPTION 'kyc: details of person % are verified: to rectify them takes two', NEW.person_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER two_where_verified BEFORE INSERT ON kyc.person_version
    FOR EACH ROW EXECUTE FUNCTION kyc.demand_two_where_verified_v1();

CREATE FUNCTION kyc.demand_kept_version_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.details_version <> OLD.details_version AND (NEW.details_version <> OLD.details_version + 1
        OR NOT EXISTS (SELECT FROM kyc.person_version WHERE person_id = OLD.id AND number = OLD.details_version)) THEN
        RAISE EXCEPTION 'kyc: version % of person % was not kept', OLD.details_version, OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER kept_version BEFORE UPDATE OF details_version ON kyc.person
    FOR EACH ROW EXECUTE FUNCTION kyc.demand_kept_version_v1();
