-- Pseudonyms: one domain for each purpose of analysis, and in it a key (or random tokens) of its own for each epoch.

-- Domains and epochs ------------------------------------------------------------------------------

CREATE TABLE privacy.pseudonym_domain (
    name       privacy.domain_name PRIMARY KEY,
    purpose    text                NOT NULL CHECK (length(purpose) BETWEEN 1 AND 200),
    reversible boolean             NOT NULL,
    created_by ledger.actor       NOT NULL,
    created_at timestamptz         NOT NULL,
    UNIQUE (name, reversible)
);
COMMENT ON TABLE privacy.pseudonym_domain IS 'Append-only. reversible: random tokens instead of a keyed function.';
GRANT SELECT, INSERT ON privacy.pseudonym_domain TO emoney_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.pseudonym_domain
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TABLE privacy.pseudonym_epoch (
    id           uuid                NOT NULL UNIQUE,
    domain       privacy.domain_name NOT NULL,
    epoch        integer             NOT NULL CHECK (epoch > 0),
    reversible   boolean             NOT NULL,
    wrapped      bytea               CHECK (octet_length(wrapped) BETWEEN 48 AND 4096),
    kek          text                REFERENCES privacy.kek (id),
    started_by   ledger.actor       NOT NULL,
    started_at   timestamptz         NOT NULL,
    destroyed_at timestamptz         CHECK (destroyed_at >= started_at),
    xact         bigint              NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt         uuid                NOT NULL DEFAULT gen_random_uuid(),
    PRIMARY KEY (domain, epoch),
    UNIQUE (domain, epoch, reversible),
    FOREIGN KEY (domain, reversible) REFERENCES privacy.pseudonym_domain (name, reversible),
    CONSTRAINT has_its_key CHECK ((wrapped IS NULL) = (reversible OR destroyed_at IS NOT NULL)),
    CONSTRAINT has_its_kek CHECK ((kek IS NULL) = (wrapped IS NULL)),
    CONSTRAINT had_a_key CHECK (destroyed_at IS NULL OR NOT reversible)
);
COMMENT ON TABLE privacy.pseudonym_epoch IS
    'Append-only, but for its key: it moves to another key-encryption key, and is destroyed once the epoch is over, by '
    'two persons. No key where tokens are random.';
CREATE INDEX pseudonym_epoch_xact ON privacy.pseudonym_epoch
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, domain, epoch, reversible, wrapped, kek, started_by, started_at),
    UPDATE (wrapped, kek, destroyed_at) ON privacy.pseudonym_epoch TO emoney_app;
CREATE TRIGGER keep BEFORE DELETE OR TRUNCATE ON privacy.pseudonym_epoch
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE FUNCTION privacy.guard_pseudonym_epoch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (NEW.id, NEW.domain, NEW.epoch, NEW.reversible, NEW.started_by, NEW.started_at, NEW.xact, NEW.salt)
        <> (OLD.id, OLD.domain, OLD.epoch, OLD.reversible, OLD.started_by, OLD.started_at, OLD.xact, OLD.salt)
        OR OLD.wrapped IS NULL
        OR NOT coalesce(NEW.kek <> OLD.kek AND NEW.wrapped <> OLD.wrapped, NEW.destroyed_at IS NOT NULL)
        OR (NEW.wrapped IS NOT NULL AND NEW.destroyed_at IS NOT NULL)
    THEN
        RAISE EXCEPTION 'the key of an epoch is wrapped anew under another key-encryption key, or destroyed, and not changed otherwise'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.destroyed_at IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM privacy.pseudonym_epoch WHERE domain = NEW.domain AND epoch > NEW.epoch) THEN
            RAISE EXCEPTION 'the newest epoch of a domain keeps its key'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NOT EXISTS (
            SELECT FROM privacy.destruction_agreed_v1('pseudonym key', NEW.domain || '/' || NEW.epoch, false)
        ) THEN
            RAISE EXCEPTION 'two persons must agree before a key is destroyed'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSE
        PERFORM privacy.admit_wrapping_v1('pseudonym key', NULL, NEW.domain, NEW.epoch, OLD.kek, NEW.kek, NEW.wrapped);
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.guard_pseudonym_epoch() FROM PUBLIC;
CREATE TRIGGER guard BEFORE UPDATE ON privacy.pseudonym_epoch
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_pseudonym_epoch();
CREATE TRIGGER wrapped AFTER UPDATE ON privacy.pseudonym_epoch
    FOR EACH ROW WHEN (NEW.wrapped IS DISTINCT FROM OLD.wrapped)
    EXECUTE FUNCTION privacy.record_wrapping_v1('pseudonym key');

-- Tokens. The application can neither read nor write them: functions below do, for it -------------

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
CREATE INDEX pseudonym_token_subject ON privacy.pseudonym_token (subject);
CREATE TRIGGER keep BEFORE UPDATE OR TRUNCATE ON privacy.pseudonym_token
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

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
REVOKE EXECUTE ON FUNCTION privacy.tokens_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.tokens_v1 TO emoney_app;

-- Whether a domain gave out a token; not for whom.
CREATE FUNCTION privacy.gave_out_v1(of_domain text, of_token bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM privacy.pseudonym_token WHERE token = of_token AND domain = of_domain)
$$;
REVOKE EXECUTE ON FUNCTION privacy.gave_out_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.gave_out_v1 TO emoney_app;

-- How many tokens stand for these subjects; not which.
CREATE FUNCTION privacy.held_tokens_v1(subjects uuid[]) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FROM privacy.pseudonym_token WHERE subject = ANY (subjects)
$$;
REVOKE EXECUTE ON FUNCTION privacy.held_tokens_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.held_tokens_v1 TO emoney_app;

-- Ends what stands for a subject in every reversible domain: of an erased subject nothing leads back.
CREATE FUNCTION privacy.forget_tokens_v1(of_subject uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (DELETE FROM privacy.pseudonym_token WHERE subject = of_subject RETURNING 1)
    SELECT count(*) FROM gone
$$;
REVOKE EXECUTE ON FUNCTION privacy.forget_tokens_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.forget_tokens_v1 TO emoney_app;
