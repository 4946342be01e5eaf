-- Four eyes: what one person asks for, another approves or rejects. Both tables are append-only.

CREATE TABLE kyc.approval_request (
    id uuid PRIMARY KEY,
    action text NOT NULL CHECK (action ~ '^[a-z_]{1,40}$'),
    subject uuid NOT NULL,
    details jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object' AND octet_length(details::text) <= 8192),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    requested_by kyc.actor NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > requested_at),
    UNIQUE (id, action, subject, requested_by, requested_at, expires_at)
);
CREATE INDEX approval_request_expires ON kyc.approval_request (expires_at);
CREATE INDEX approval_request_subject ON kyc.approval_request (subject);
GRANT SELECT, INSERT, DELETE ON kyc.approval_request TO emoney_app;

-- A decision repeats its request's person and dates, held to the request by the foreign key, so that plain
-- checks see both: that the second person is another one, and that the request had not expired.
CREATE TABLE kyc.approval_decision (
    request_id uuid PRIMARY KEY,
    action text NOT NULL,
    subject uuid NOT NULL,
    requested_by kyc.actor NOT NULL,
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('approved', 'rejected')),
    decided_by kyc.actor NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    decided_at timestamptz NOT NULL,
    FOREIGN KEY (request_id, action, subject, requested_by, requested_at, expires_at)
        REFERENCES kyc.approval_request (id, action, subject, requested_by, requested_at, expires_at),
    CONSTRAINT second_person CHECK (lower(decided_by) <> lower(requested_by)),
    CONSTRAINT in_time CHECK (decided_at >= requested_at AND decided_at < expires_at),
    -- what rests on an approval refers to it with its action, subject and outcome
    UNIQUE (request_id, action, subject, outcome)
);
GRANT SELECT, INSERT, DELETE ON kyc.approval_decision TO emoney_app;

CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.approval_request
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.approval_decision
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Approvals are about persons, accounts, evidence or corrections. Those about the last two may go once these have gone,
-- which is when their person is erased: they refer to their approval, so they go first.
CREATE FUNCTION kyc.guard_removal_of_approval_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF privacy.being_erased(OLD.subject)
        OR (OLD.action = 'evidence_acceptance' AND NOT EXISTS (SELECT FROM kyc.evidence AS e WHERE e.id = OLD.subject))
        OR (OLD.action = 'rectification'
            AND NOT EXISTS (SELECT FROM kyc.rectification AS r WHERE r.id = OLD.subject))
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'rows of kyc.% are removed only when a person they are about is erased', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER removal BEFORE DELETE ON kyc.approval_request
    FOR EACH ROW EXECUTE FUNCTION kyc.guard_removal_of_approval_v1();
CREATE TRIGGER removal BEFORE DELETE ON kyc.approval_decision
    FOR EACH ROW EXECUTE FUNCTION kyc.guard_removal_of_approval_v1();
