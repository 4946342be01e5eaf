-- The way back from a token to the subject it stands for: it takes two persons and leaves a record.

CREATE TABLE privacy.reidentification_request (
    id           uuid                PRIMARY KEY,
    domain       privacy.domain_name NOT NULL,
    reversible   boolean             NOT NULL DEFAULT true CHECK (reversible),
    token        bytea               NOT NULL CHECK (octet_length(token) = 16),
    purpose      text                NOT NULL CHECK (length(purpose) BETWEEN 1 AND 100),
    reason      text                NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    requested_by privacy.actor       NOT NULL,
    requested_at timestamptz         NOT NULL,
    expires_at   timestamptz         NOT NULL CHECK (expires_at > requested_at),
    xact         bigint              NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt         uuid                NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (id, requested_by, requested_at, expires_at),
    FOREIGN KEY (domain, reversible) REFERENCES privacy.pseudonym_domain (name, reversible)
);
COMMENT ON TABLE privacy.reidentification_request IS 'Append-only. Someone asks whom a token stands for.';
CREATE INDEX reidentification_request_xact ON privacy.reidentification_request
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, domain, token, purpose, reason, requested_by, requested_at, expires_at)
    ON privacy.reidentification_request TO emoney_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.reidentification_request
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TABLE privacy.reidentification_decision (
    request_id   uuid          PRIMARY KEY,
    requested_by privacy.actor NOT NULL,
    requested_at timestamptz   NOT NULL,
    expires_at   timestamptz   NOT NULL,
    outcome      text          NOT NULL CHECK (outcome IN ('approved', 'rejected')),
    decided_by   privacy.actor NOT NULL,
    reason      text          NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    decided_at   timestamptz   NOT NULL,
    xact         bigint        NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt         uuid          NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (request_id, outcome),
    FOREIGN KEY (request_id, requested_by, requested_at, expires_at)
        REFERENCES privacy.reidentification_request (id, requested_by, requested_at, expires_at),
    CONSTRAINT second_person CHECK (lower(decided_by) <> lower(requested_by)),
    CONSTRAINT in_time CHECK (decided_at >= requested_at AND decided_at < expires_at)
);
COMMENT ON TABLE privacy.reidentification_decision IS 'Append-only. The word of a second person on a request.';
CREATE INDEX reidentification_decision_xact ON privacy.reidentification_decision
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (request_id, requested_by, requested_at, expires_at, outcome, decided_by, reason, decided_at)
    ON privacy.reidentification_decision TO emoney_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.reidentification_decision
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TABLE privacy.reidentification (
    request_id   uuid        PRIMARY KEY,
    outcome      text        NOT NULL DEFAULT 'approved' CHECK (outcome = 'approved'),
    subject      uuid        NOT NULL,
    disclosed_at timestamptz NOT NULL,
    xact         bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt         uuid        NOT NULL DEFAULT gen_random_uuid(),
    FOREIGN KEY (request_id, outcome) REFERENCES privacy.reidentification_decision (request_id, outcome)
);
COMMENT ON TABLE privacy.reidentification IS 'Append-only. Whom an approved request disclosed, once.';
CREATE INDEX reidentification_subject ON privacy.reidentification (subject);
CREATE INDEX reidentification_xact ON privacy.reidentification
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT ON privacy.reidentification TO emoney_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.reidentification
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

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
REVOKE EXECUTE ON FUNCTION privacy.reidentify_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.reidentify_v1 TO emoney_app;
