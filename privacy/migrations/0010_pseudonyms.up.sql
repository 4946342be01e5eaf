-- Pseudonyms: one domain for each purpose of analysis, a key (or random tokens) of its own for each epoch, and
-- the way back from a token, which takes two persons and leaves a record.

CREATE DOMAIN privacy.domain_name AS text CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,62}$');
-- One spelling for one person: nobody is a second person by a blank or by a letter that looks alike.
CREATE DOMAIN privacy.actor AS text CHECK (VALUE ~ '^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}$');

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
    domain     privacy.domain_name NOT NULL,
    epoch      integer             NOT NULL CHECK (epoch > 0),
    reversible boolean             NOT NULL,
    wrapped    bytea               CHECK (octet_length(wrapped) BETWEEN 48 AND 4096),
    kek        text                CHECK (length(kek) BETWEEN 1 AND 200),
    started_by privacy.actor       NOT NULL,
    started_at timestamptz         NOT NULL,
    PRIMARY KEY (domain, epoch),
    UNIQUE (domain, epoch, reversible),
    FOREIGN KEY (domain, reversible) REFERENCES privacy.pseudonym_domain (name, reversible),
    CHECK (reversible = (wrapped IS NULL)),
    CHECK (reversible = (kek IS NULL))
);
COMMENT ON TABLE privacy.pseudonym_epoch IS 'Append-only. The key of one domain and epoch, wrapped; none where tokens are random.';

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
COMMENT ON TABLE privacy.pseudonym_token IS 'Append-only. The random pseudonyms of reversible domains.';

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
    FOREIGN KEY (request_id, outcome) REFERENCES privacy.reidentification_decision (request_id, outcome)
);
COMMENT ON TABLE privacy.reidentification IS 'Append-only. Whom an approved request disclosed, once.';
CREATE INDEX reidentification_subject ON privacy.reidentification (subject);

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['pseudonym_domain', 'pseudonym_epoch', 'pseudonym_token',
        'reidentification_request', 'reidentification_decision', 'reidentification']
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', relation);
    END LOOP;
END
$$;

GRANT SELECT, INSERT ON privacy.pseudonym_domain, privacy.pseudonym_epoch, privacy.reidentification_request,
    privacy.reidentification_decision TO emoney_app;
GRANT SELECT ON privacy.reidentification TO emoney_app;

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

-- Whom the token of an approved request stands for; recorded in the same step, and never a second time.
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
    WHERE r.id = request;
    IF found_subject IS NOT NULL THEN
        INSERT INTO privacy.reidentification (request_id, subject, disclosed_at) VALUES (request, found_subject, at);
    END IF;
    RETURN found_subject;
END
$$;

REVOKE EXECUTE ON FUNCTION privacy.tokens_v1(text, integer, uuid[], bytea[], timestamptz) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION privacy.reidentify_v1(uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.tokens_v1(text, integer, uuid[], bytea[], timestamptz) TO emoney_app;
GRANT EXECUTE ON FUNCTION privacy.reidentify_v1(uuid, timestamptz) TO emoney_app;
