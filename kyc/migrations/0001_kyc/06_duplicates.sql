-- One person, many records. What an index finds is a candidate that a human decides on; a link takes two, and the
-- holder of the wallets follows it.

CREATE TABLE kyc.duplicate (
    person_a uuid NOT NULL REFERENCES kyc.person (id),
    person_b uuid NOT NULL REFERENCES kyc.person (id),
    ground text NOT NULL CHECK (ground IN ('id_number', 'tax_number', 'phone', 'name_birth_date')),
    found_at timestamptz NOT NULL,
    PRIMARY KEY (person_a, person_b, ground),
    CHECK (person_a < person_b)
);
CREATE INDEX duplicate_b ON kyc.duplicate (person_b);
CREATE INDEX duplicate_found ON kyc.duplicate (found_at);
GRANT SELECT, INSERT, DELETE ON kyc.duplicate TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.duplicate
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.duplicate
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_a', 'person_b');

CREATE TABLE kyc.duplicate_decision (
    id uuid PRIMARY KEY,
    person_a uuid NOT NULL,
    person_b uuid NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('same', 'different')),
    decided_by ledger.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    decided_at timestamptz NOT NULL,
    request_id uuid REFERENCES ledger.request (id),
    CHECK (person_a < person_b),
    CHECK ((verdict = 'same') = (request_id IS NOT NULL))
);
CREATE INDEX duplicate_decision_pair ON kyc.duplicate_decision (person_a, person_b, decided_at);
GRANT SELECT, INSERT, DELETE ON kyc.duplicate_decision TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.duplicate_decision
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.duplicate_decision
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_a', 'person_b');

-- That two are one person is asked for by a request to link just these two.
CREATE FUNCTION kyc.demand_link_request_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger.request AS asked
        WHERE asked.id = NEW.request_id AND asked.action = 'linking_persons'
          AND asked.subject IN (NEW.person_a, NEW.person_b)
          AND asked.details ->> 'into' IN (NEW.person_a::text, NEW.person_b::text)
    ) THEN
        RAISE EXCEPTION 'kyc: decision % asks for another link', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'duplicate_request';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER asks_for_link AFTER INSERT ON kyc.duplicate_decision
    FOR EACH ROW WHEN (NEW.request_id IS NOT NULL) EXECUTE FUNCTION kyc.demand_link_request_v1();

-- into_id: the record that person_id is one with; the person itself where a link is taken back.
CREATE TABLE kyc.person_link (
    id uuid PRIMARY KEY,
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    into_id uuid NOT NULL REFERENCES kyc.person (id),
    made_at timestamptz NOT NULL,
    approval_id uuid NOT NULL UNIQUE,
    approval_action text NOT NULL
        GENERATED ALWAYS AS (CASE WHEN person_id = into_id THEN 'separating_persons' ELSE 'linking_persons' END) STORED,
    approval_outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    FOREIGN KEY (approval_id, approval_action, person_id, approval_outcome)
        REFERENCES ledger.request_decision (request_id, action, subject, outcome)
);
CREATE INDEX person_link_person ON kyc.person_link (person_id);
GRANT SELECT, INSERT, DELETE ON kyc.person_link TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.person_link
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.person_link
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1('person_id', 'into_id');

-- Runs with its owner's rights: the application itself can change no account's holder, and so moves limits from
-- one person to another only by a link that two persons approved, to the record that they approved it for.
CREATE FUNCTION kyc.follow_link_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    root uuid;
    old_root uuid;
    moving uuid[];
BEGIN
    IF TG_RELID <> 'kyc.person_link'::regclass THEN
        RAISE EXCEPTION 'kyc: holders follow kyc.person_link only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.into_id::text IS DISTINCT FROM (SELECT details ->> 'into' FROM ledger.request WHERE id = NEW.approval_id) THEN
        RAISE EXCEPTION 'kyc: link % is to another record than was approved', NEW.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM FROM kyc.person WHERE id IN (NEW.person_id, NEW.into_id) ORDER BY id FOR NO KEY UPDATE;
    SELECT coalesce(holder_id, id) INTO root FROM kyc.person WHERE id = NEW.into_id;
    SELECT coalesce(holder_id, id) INTO old_root FROM kyc.person WHERE id = NEW.person_id;
    IF NEW.person_id = NEW.into_id THEN
        root := NEW.person_id;
        moving := ARRAY[NEW.person_id];
    ELSE
        SELECT array_agg(id ORDER BY id) INTO moving FROM kyc.person WHERE coalesce(holder_id, id) = old_root;
    END IF;
    IF root = old_root THEN
        RAISE EXCEPTION 'kyc: link % changes nothing', NEW.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    UPDATE kyc.person SET holder_id = nullif(root, id) WHERE id = ANY(moving);
    PERFORM FROM ledger.account WHERE holder = ANY(moving) OR id IN (
        SELECT account_id FROM kyc.wallet WHERE person_id = ANY(moving)
        UNION ALL SELECT account_id FROM kyc.business_account WHERE person_id = ANY(moving)
    ) ORDER BY id FOR NO KEY UPDATE;
    UPDATE ledger.account SET holder = root WHERE id IN (
        SELECT account_id FROM kyc.wallet WHERE person_id = ANY(moving)
        UNION ALL SELECT account_id FROM kyc.business_account WHERE person_id = ANY(moving)
    );
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION kyc.follow_link_v1() FROM PUBLIC;
CREATE TRIGGER follow_link AFTER INSERT ON kyc.person_link FOR EACH ROW EXECUTE FUNCTION kyc.follow_link_v1();
