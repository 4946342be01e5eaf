-- The way back from a token to the subject it stands for: it takes two persons and leaves a record. The request
-- (ledger.request, 'reidentification') has the domain as its target, the token and the purpose in its details.

CREATE TABLE privacy.reidentification (
    request_id   uuid        PRIMARY KEY,
    action       text        NOT NULL GENERATED ALWAYS AS ('reidentification') STORED,
    outcome      text        NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    subject      uuid        NOT NULL,
    disclosed_at timestamptz NOT NULL,
    xact         bigint      NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt         uuid        NOT NULL DEFAULT gen_random_uuid(),
    FOREIGN KEY (request_id, action, outcome) REFERENCES ledger.request_decision (request_id, action, outcome)
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
    FROM ledger.request AS r
    JOIN ledger.request_decision AS d ON d.request_id = r.id AND d.outcome = 'approved'
    JOIN privacy.pseudonym_token AS t ON t.token = decode(r.details ->> 'token', 'hex') AND t.domain = r.target
    WHERE r.id = request AND r.action = 'reidentification' AND d.xact <> pg_current_xact_id()::text::bigint;
    IF found_subject IS NOT NULL THEN
        INSERT INTO ledger.request_done (request_id, decided_at, kept, done_at)
        SELECT request_id, decided_at, kept, at FROM ledger.request_decision WHERE request_id = request;
        INSERT INTO privacy.reidentification (request_id, subject, disclosed_at) VALUES (request, found_subject, at);
    END IF;
    RETURN found_subject;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.reidentify_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.reidentify_v1 TO emoney_app;
