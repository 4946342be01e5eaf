-- Pseudonyms: one domain for each purpose of analysis, a key (or random tokens) of its own for each epoch, and
-- the way back from a token, which takes two persons and leaves a record. Epochs (the making of a key) and all
-- that is said about a re-identification are leaves of the proof log; xact and salt are left to the database.

CREATE DOMAIN privacy.domain_name AS text CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,62}$');
-- One spelling for one person: nobody is a second person by a blank or by a letter that looks alike.
CREATE DOMAIN privacy.actor AS text CHECK (VALUE ~ '^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}$');

ALTER TABLE privacy.kek DROP CONSTRAINT kek_use_check, ADD CONSTRAINT kek_use_check
    CHECK (use IN ('wrap subject keys', 'wrap index keys', 'wrap pseudonym keys'));

-- Domains and epochs ------------------------------------------------------------------------------

CREATE TABLE privacy.pseudonym_domain (
    name       privacy.domain_name PRIMARY KEY,
    purpose    text                NOT NULL CHECK (length(purpose) BETWEEN 1 AND 200),
    reversible boolean             NOT NULL,
    created_by privacy.actor       NOT NULL,
    created_at timestamptz         NOT NULL,
    UNIQUE (name, reversible)
);
COMMENT ON TABLE privacy.pseudonym_domain IS 'Append-only. reversible: random tokens instead of a keyed function.';

CREATE TABLE privacy.pseudonym_epoch (
    id         uuid                NOT NULL UNIQUE,
    domain     privacy.domain_name NOT NULL,
    epoch      integer             NOT NULL CHECK (epoch > 0),
    reversible boolean             NOT NULL,
    wrapped    bytea               CHECK (octet_length(wrapped) BETWEEN 48 AND 4096),
    kek        text                REFERENCES privacy.kek (id),
    started_by privacy.actor       NOT NULL,
    started_at timestamptz         NOT NULL,
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid        NOT NULL DEFAULT gen_random_uuid(),
    PRIMARY KEY (domain, epoch),
    UNIQUE (domain, epoch, reversible),
    FOREIGN KEY (domain, reversible) REFERENCES privacy.pseudonym_domain (name, reversible),
    CHECK (reversible = (wrapped IS NULL)),
    CHECK (reversible = (kek IS NULL))
);
COMMENT ON TABLE privacy.pseudonym_epoch IS
    'Append-only, but for its key, which moves to another key-encryption key. No key where tokens are random.';

-- Tokens. The application can neither read nor write them: functions below do, for it ----------------

CREATE TABLE privacy.pseudonym_token (
    domain     privacy.domain_name NOT NULL,
    epoch      integer             NOT NULL,
    subject    uuid                NOT NULL,
    token      bytea               NOT NULL UNIQUE CHECK (octet_length(token) = 16),
    reversible boolean             NOT NULL DEFAULT true CHECK (reversible),
    made_at    timestamptz         NOT NULL,
    PRIMARY KEY (domain, epoch, subject),
    FOREIGN KEY (domain, epoch, reversible) REFERENCES privacy.pseudonym_epoch (domain, epoch, reversible)
);
COMMENT ON TABLE privacy.pseudonym_token IS
    'The random pseudonyms of reversible domains. Never changed; forget_tokens_v1 removes those of a subject.';

-- Re-identification -------------------------------------------------------------------------------

CREATE TABLE privacy.reidentification_request (
    id           uuid                PRIMARY KEY,
    domain       privacy.domain_name NOT NULL,
    reversible   boolean             NOT NULL DEFAULT true CHECK (reversible),
    token        bytea               NOT NULL CHECK (octet_length(token) = 16),
    purpose      text                NOT NULL CHECK (length(purpose) BETWEEN 1 AND 100),
    because      text                NOT NULL CHECK (length(because) BETWEEN 1 AND 500),
    requested_by privacy.actor       NOT NULL,
    requested_at timestamptz         NOT NULL,
    expires_at   timestamptz         NOT NULL CHECK (expires_at > requested_at),
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid        NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (id, requested_by, requested_at, expires_at),
    FOREIGN KEY (domain, reversible) REFERENCES privacy.pseudonym_domain (name, reversible)
);
COMMENT ON TABLE privacy.reidentification_request IS 'Append-only. Someone asks whom a token stands for.';

CREATE TABLE privacy.reidentification_decision (
    request_id   uuid          PRIMARY KEY,
    requested_by privacy.actor NOT NULL,
    requested_at timestamptz   NOT NULL,
    expires_at   timestamptz   NOT NULL,
    outcome      text          NOT NULL CHECK (outcome IN ('approved', 'rejected')),
    decided_by   privacy.actor NOT NULL,
    because      text          NOT NULL CHECK (length(because) BETWEEN 1 AND 500),
    decided_at   timestamptz   NOT NULL,
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid        NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (request_id, outcome),
    FOREIGN KEY (request_id, requested_by, requested_at, expires_at)
        REFERENCES privacy.reidentification_request (id, requested_by, requested_at, expires_at),
    CONSTRAINT second_person CHECK (lower(decided_by) <> lower(requested_by)),
    CONSTRAINT in_time CHECK (decided_at >= requested_at AND decided_at < expires_at)
);
COMMENT ON TABLE privacy.reidentification_decision IS 'Append-only. The word of a second person on a request.';

CREATE TABLE privacy.reidentification (
    request_id   uuid        PRIMARY KEY,
    outcome      text        NOT NULL DEFAULT 'approved' CHECK (outcome = 'approved'),
    subject      uuid        NOT NULL,
    disclosed_at timestamptz NOT NULL,
    xact       bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid        NOT NULL DEFAULT gen_random_uuid(),
    FOREIGN KEY (request_id, outcome) REFERENCES privacy.reidentification_decision (request_id, outcome)
);
COMMENT ON TABLE privacy.reidentification IS 'Append-only. Whom an approved request disclosed, once.';
CREATE INDEX reidentification_subject ON privacy.reidentification (subject);

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['pseudonym_domain', 'reidentification_request', 'reidentification_decision',
        'reidentification']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', relation);
    END LOOP;
END
$$;

CREATE TRIGGER keep BEFORE UPDATE OR TRUNCATE ON privacy.pseudonym_token
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER keep BEFORE DELETE OR TRUNCATE ON privacy.pseudonym_epoch
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE FUNCTION privacy.guard_pseudonym_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER guard BEFORE UPDATE ON privacy.pseudonym_epoch
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_pseudonym_epoch();

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['pseudonym_epoch', 'reidentification_request', 'reidentification_decision',
        'reidentification']
    LOOP
        EXECUTE format('CREATE INDEX %I ON privacy.%I USING brin (xact) '
            'WITH (pages_per_range = 32, autosummarize = on)', relation || '_xact', relation);
    END LOOP;
END
$$;

GRANT SELECT ON privacy.pseudonym_domain, privacy.pseudonym_epoch, privacy.reidentification_request,
    privacy.reidentification_decision, privacy.reidentification TO emoney_app;
GRANT INSERT ON privacy.pseudonym_domain TO emoney_app;
GRANT INSERT (id, domain, epoch, reversible, wrapped, kek, started_by, started_at), UPDATE (wrapped, kek)
    ON privacy.pseudonym_epoch TO emoney_app;
GRANT INSERT (id, domain, token, purpose, because, requested_by, requested_at, expires_at)
    ON privacy.reidentification_request TO emoney_app;
GRANT INSERT (request_id, requested_by, requested_at, expires_at, outcome, decided_by, because, decided_at)
    ON privacy.reidentification_decision TO emoney_app;

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (48, 'privacy.pseudonym_epoch', 1, 'id', ARRAY[
        'salt uuid', 'domain text', 'epoch integer', 'reversible json', 'started_by text', 'started_at time']),
    (49, 'privacy.reidentification_request', 1, 'id', ARRAY[
        'salt uuid', 'domain text', 'token bytes', 'purpose text', 'because text', 'requested_by text',
        'requested_at time', 'expires_at time']),
    (50, 'privacy.reidentification_decision', 1, 'request_id', ARRAY[
        'salt uuid', 'outcome text', 'decided_by text', 'because text', 'decided_at time']),
    (51, 'privacy.reidentification', 1, 'request_id', ARRAY['salt uuid', 'subject uuid', 'disclosed_at time']);

-- The tokens of subjects, made where there is none. In subject order, so that two callers cannot deadlock.
CREATE FUNCTION privacy.tokens_v1(of_domain text, of_epoch integer, subjects uuid[], fresh bytea[], at timestamptz)
RETURNS TABLE (of_subject uuid, of_token bytea)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO privacy.pseudonym_token (domain, epoch, subject, token, made_at)
    SELECT of_domain, of_epoch, f.subject, f.token, at
    FROM unnest(subjects, fresh) AS f (subject, token) ORDER BY f.subject
    ON CONFLICT (domain, epoch, subject) DO NOTHING;
    RETURN QUERY SELECT t.subject, t.token FROM privacy.pseudonym_token AS t
    WHERE t.domain = of_domain AND t.epoch = of_epoch AND t.subject = ANY (subjects);
END
$$;

-- Whether a domain gave out a token; not for whom.
CREATE FUNCTION privacy.gave_out_v1(of_domain text, of_token bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM privacy.pseudonym_token WHERE token = of_token AND domain = of_domain)
$$;

-- Whom the token of an approved request stands for; recorded in the same step. Only what an earlier transaction
-- has decided is disclosed: whoever reads the subject and rolls back leaves the request and the two names behind.
CREATE FUNCTION privacy.reidentify_v1(request uuid, at timestamptz) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_subject uuid;
BEGIN
    SELECT t.subject INTO found_subject
    FROM privacy.reidentification_request AS r
    JOIN privacy.reidentification_decision AS d ON d.request_id = r.id AND d.outcome = 'approved'
    JOIN privacy.pseudonym_token AS t ON t.token = r.token AND t.domain = r.domain
    WHERE r.id = request AND d.xact <> pg_current_xact_id()::text::bigint;
    IF found_subject IS NOT NULL THEN
        INSERT INTO privacy.reidentification (request_id, subject, disclosed_at) VALUES (request, found_subject, at);
    END IF;
    RETURN found_subject;
END
$$;

-- Ends what stands for a subject in every reversible domain: of an erased subject nothing leads back.
CREATE FUNCTION privacy.forget_tokens_v1(of_subject uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (DELETE FROM privacy.pseudonym_token WHERE subject = of_subject RETURNING 1)
    SELECT count(*) FROM gone
$$;
CREATE INDEX pseudonym_token_subject ON privacy.pseudonym_token (subject);

REVOKE EXECUTE ON FUNCTION privacy.tokens_v1(text, integer, uuid[], bytea[], timestamptz),
    privacy.gave_out_v1(text, bytea), privacy.reidentify_v1(uuid, timestamptz), privacy.forget_tokens_v1(uuid)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.tokens_v1(text, integer, uuid[], bytea[], timestamptz),
    privacy.gave_out_v1(text, bytea), privacy.reidentify_v1(uuid, timestamptz), privacy.forget_tokens_v1(uuid)
    TO emoney_app;
