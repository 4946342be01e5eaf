-- What takes two persons: one asks, another decides, and it is done once. All append-only. What an action does, its
-- package knows; the tables that it writes refer to the decision by a foreign key, with its action, subject and outcome.

-- What may be asked for. open_at_most: for how long a request waits. deciders: the roles of officers of which the second
-- person has one, where there are officers. removal: a function (action text, subject uuid) that
-- says whether the rows about a subject may go, as when a person is erased; none: they stay for good.
CREATE TABLE ledger.request_action (
    name text PRIMARY KEY CHECK (name ~ '^[a-z_]{1,40}$'),
    open_at_most interval NOT NULL DEFAULT '7 days' CHECK (open_at_most > interval '0'),
    deciders text[] NOT NULL DEFAULT '{checker, compliance_officer}' CHECK (cardinality(deciders) > 0),
    removal text CHECK (removal ~ '^[a-z_]{1,63}\.[a-z0-9_]{1,63}$')
);
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON ledger.request_action
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- It is about a subject, which has a uuid, or a target, which has another name. kept: the action has no removal.
-- signature: by the key of the officer who asks (ledger/officers/signing.py), where it has one; a decision has its own.
-- salt: what a leaf of the proof log commits to cannot be guessed from it.
CREATE TABLE ledger.request (
    id uuid PRIMARY KEY,
    action text NOT NULL REFERENCES ledger.request_action (name),
    subject uuid,
    target text CHECK (length(target) BETWEEN 1 AND 200),
    details jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object' AND octet_length(details::text) <= 8192),
    actor ledger.actor NOT NULL,
    reason ledger.reason NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > requested_at),
    kept boolean NOT NULL DEFAULT true,
    signature bytea CHECK (length(signature) = 64),
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT request_about CHECK (num_nonnulls(subject, target) = 1),
    UNIQUE (id, subject),
    UNIQUE (id, action, actor, requested_at, expires_at, kept)
);
CREATE INDEX request_expires ON ledger.request (expires_at);
CREATE INDEX request_subject ON ledger.request (subject);
CREATE INDEX request_target ON ledger.request (target) WHERE target IS NOT NULL;
CREATE INDEX request_xact ON ledger.request USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

CREATE FUNCTION ledger.admit_request_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known ledger.request_action;
BEGIN
    SELECT * INTO known FROM ledger.request_action WHERE name = NEW.action;
    NEW.kept := known.removal IS NULL;
    IF NEW.expires_at - NEW.requested_at > known.open_at_most THEN
        RAISE EXCEPTION 'ledger: a request for % waits % at most', NEW.action, known.open_at_most
            USING ERRCODE = 'check_violation', CONSTRAINT = 'request_clock';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.admit_request_v1() FROM PUBLIC;
CREATE TRIGGER admit BEFORE INSERT ON ledger.request FOR EACH ROW EXECUTE FUNCTION ledger.admit_request_v1();

-- A decision repeats its request's person and dates, held to the request by the foreign keys, so that plain checks see
-- both: that the second person is another one, and that the request had not expired.
CREATE TABLE ledger.request_decision (
    request_id uuid PRIMARY KEY,
    action text NOT NULL,
    subject uuid,
    asked_by ledger.actor NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    kept boolean NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('approved', 'rejected')),
    actor ledger.actor NOT NULL,
    reason ledger.reason NOT NULL,
    decided_at timestamptz NOT NULL,
    signature bytea CHECK (length(signature) = 64),
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    FOREIGN KEY (request_id, action, asked_by, requested_at, expires_at, kept)
        REFERENCES ledger.request (id, action, actor, requested_at, expires_at, kept),
    FOREIGN KEY (request_id, subject) REFERENCES ledger.request (id, subject),
    CONSTRAINT second_person CHECK (NOT ledger.same_person(actor, asked_by)),
    CONSTRAINT in_time CHECK (decided_at >= requested_at AND decided_at < expires_at),
    UNIQUE (request_id, action, subject, outcome),
    UNIQUE (request_id, action, outcome),
    UNIQUE (request_id, outcome, decided_at, kept)
);
CREATE INDEX request_decision_xact ON ledger.request_decision
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- A foreign key passes over a subject that is left out.
CREATE FUNCTION ledger.demand_subject_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.subject IS NULL AND EXISTS (
        SELECT FROM ledger.request WHERE id = NEW.request_id AND subject IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'ledger: the decision on request % names another subject than the request', NEW.request_id
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.demand_subject_v1() FROM PUBLIC;
CREATE TRIGGER subject BEFORE INSERT ON ledger.request_decision
    FOR EACH ROW EXECUTE FUNCTION ledger.demand_subject_v1();

CREATE TABLE ledger.request_done (
    request_id uuid PRIMARY KEY,
    outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    decided_at timestamptz NOT NULL,
    kept boolean NOT NULL,
    done_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT done_as_approved FOREIGN KEY (request_id, outcome, decided_at, kept)
        REFERENCES ledger.request_decision (request_id, outcome, decided_at, kept),
    CHECK (done_at >= decided_at)
);
CREATE INDEX request_done_xact ON ledger.request_done
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON ledger.request
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON ledger.request_decision
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON ledger.request_done
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Argument: the column with the request's id.
CREATE FUNCTION ledger.guard_request_removal_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked ledger.request;
    guard text;
    may boolean;
BEGIN
    SELECT * INTO asked FROM ledger.request WHERE id = (to_jsonb(OLD) ->> TG_ARGV[0])::uuid;
    SELECT removal INTO guard FROM ledger.request_action WHERE name = asked.action;
    IF guard IS NOT NULL THEN
        EXECUTE format('SELECT %s($1, $2)', guard) INTO may USING asked.action, asked.subject;
    END IF;
    IF may THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '%.% is append-only: rows are removed only when a person they are about is erased',
        TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER removal BEFORE DELETE ON ledger.request
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_request_removal_v1('id');
CREATE TRIGGER removal BEFORE DELETE ON ledger.request_decision
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_request_removal_v1('request_id');
CREATE TRIGGER removal BEFORE DELETE ON ledger.request_done
    FOR EACH ROW EXECUTE FUNCTION ledger.guard_request_removal_v1('request_id');

-- The only way in which rows go; the application has no right to delete them. Gives how many rows of each table went.
CREATE FUNCTION ledger.remove_requests_v1(of_requests uuid[], OUT done bigint, OUT decisions bigint, OUT requests bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM ledger.request_done WHERE request_id = ANY (of_requests);
    GET DIAGNOSTICS done = ROW_COUNT;
    DELETE FROM ledger.request_decision WHERE request_id = ANY (of_requests);
    GET DIAGNOSTICS decisions = ROW_COUNT;
    DELETE FROM ledger.request WHERE id = ANY (of_requests);
    GET DIAGNOSTICS requests = ROW_COUNT;
END
$$;
REVOKE ALL ON FUNCTION ledger.remove_requests_v1 FROM PUBLIC;

-- What stays for good are leaves of the proof log (10_proofs.sql); a row that may go would be missed there.
CREATE VIEW ledger.kept_request AS
SELECT id, action, subject, target, details, actor, reason, requested_at, expires_at, signature, xact, salt
FROM ledger.request WHERE kept;
CREATE VIEW ledger.kept_request_decision AS
SELECT request_id, outcome, actor, reason, decided_at, signature, xact, salt FROM ledger.request_decision WHERE kept;
CREATE VIEW ledger.kept_request_done AS
SELECT request_id, done_at, xact, salt FROM ledger.request_done WHERE kept;
