-- Keys: what may follow what, the two persons who destroy or export one, key-encryption keys, and the keys of subjects
-- that are wrapped under them.

-- What may follow what (NIST SP 800-57 part 1, section 7, in fewer states).
CREATE FUNCTION privacy.key_may_become(was text, becomes text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE was
    WHEN 'pre-active' THEN becomes IN ('active', 'compromised', 'destroyed')
    WHEN 'active' THEN becomes IN ('decrypt-only', 'compromised', 'destroyed')
    WHEN 'decrypt-only' THEN becomes IN ('compromised', 'destroyed')
    WHEN 'compromised' THEN becomes = 'destroyed'
    ELSE false
END;

-- Two persons -------------------------------------------------------------------------------------

-- A key's request names its kind in the details and the key as the target (see ledger.request). The actions are here
-- already where this schema was taken down before: requests stay.
INSERT INTO ledger.request_action (name, deciders) VALUES
    ('destroy_key', '{key_custodian}'), ('export_root', '{key_custodian}'), ('reidentification', '{dpo, compliance_officer}')
ON CONFLICT (name) DO NOTHING;

-- Who agreed that a key ends, and why it was asked for; none: nobody. What was agreed is done once, and lapses, by this
-- database's clock where clocks are bounded. shred: a key-encryption key, with the keys under it.
CREATE FUNCTION privacy.destruction_agreed_v1(of_kind text, of_target text, shred boolean)
RETURNS TABLE (actor text, reason text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT decided.actor::text, asked.reason::text
    FROM ledger.request AS asked
    JOIN ledger.request_action AS known ON known.name = asked.action
    JOIN ledger.request_decision AS decided ON decided.request_id = asked.id AND decided.outcome = 'approved'
    WHERE asked.action = 'destroy_key' AND asked.target = of_target AND asked.details ->> 'kind' = of_kind
      AND (NOT shred OR asked.details ->> 'shred' = 'true')
      AND NOT EXISTS (SELECT FROM ledger.request_done AS done WHERE done.request_id = asked.id)
      AND ((ledger.clock_policy_v1()).behind_s IS NULL OR decided.decided_at + known.open_at_most > clock_timestamp())
    ORDER BY decided.decided_at DESC LIMIT 1;
END;
REVOKE EXECUTE ON FUNCTION privacy.destruction_agreed_v1 FROM PUBLIC;

-- Key-encryption keys -----------------------------------------------------------------------------

CREATE TABLE privacy.kek (
    id            text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    provider      text        NOT NULL CHECK (length(provider) BETWEEN 1 AND 40),
    use           text        NOT NULL CHECK (use IN ('wrap subject keys', 'wrap index keys', 'wrap pseudonym keys')),
    expires_month date        CHECK (expires_month = date_trunc('month', expires_month)),
    state         text        NOT NULL CHECK (state IN ('pre-active', 'active', 'decrypt-only', 'compromised', 'destroyed')),
    created_at    timestamptz NOT NULL,
    seal_until    timestamptz NOT NULL,
    open_until    timestamptz NOT NULL,
    CHECK (created_at < seal_until AND seal_until <= open_until)
);
COMMENT ON TABLE privacy.kek IS
    'Key-encryption keys, which are in their provider: here is what they are for and where they stand. '
    'expires_month: of the records below it, so that destroying it ends them in every copy; none: not bound to a month.';
CREATE UNIQUE INDEX kek_one_active ON privacy.kek (use, expires_month) NULLS NOT DISTINCT WHERE state = 'active';
GRANT SELECT, INSERT, UPDATE (state) ON privacy.kek TO emoney_app;

CREATE FUNCTION privacy.guard_kek() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT privacy.key_may_become(OLD.state, NEW.state)
        OR (NEW.id, NEW.provider, NEW.use, NEW.created_at, NEW.seal_until, NEW.open_until)
        <> (OLD.id, OLD.provider, OLD.use, OLD.created_at, OLD.seal_until, OLD.open_until)
        OR NEW.expires_month IS DISTINCT FROM OLD.expires_month
    THEN
        RAISE EXCEPTION 'a key-encryption key does not become % from %', NEW.state, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'destroyed' THEN
        IF NOT EXISTS (SELECT FROM privacy.destruction_agreed_v1('kek', NEW.id, false)) THEN
            RAISE EXCEPTION 'two persons must agree before a key is destroyed'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF EXISTS (SELECT FROM privacy.subject_key WHERE kek = NEW.id AND wrapped IS NOT NULL)
            OR EXISTS (SELECT FROM privacy.index_key WHERE kek = NEW.id AND wrapped IS NOT NULL)
            OR EXISTS (SELECT FROM privacy.pseudonym_epoch WHERE kek = NEW.id)
        THEN
            RAISE EXCEPTION 'a key-encryption key is destroyed once nothing that lives is under it'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.guard_kek() FROM PUBLIC;
CREATE TRIGGER kek_guard BEFORE UPDATE ON privacy.kek FOR EACH ROW EXECUTE FUNCTION privacy.guard_kek();
CREATE TRIGGER kek_keep BEFORE DELETE OR TRUNCATE ON privacy.kek
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Subject keys ------------------------------------------------------------------------------------

-- made_by: the rotation that made this version, if one did.
CREATE TABLE privacy.subject_key (
    subject    uuid        NOT NULL,
    version    integer     NOT NULL CHECK (version > 0),
    wrapped    bytea       CHECK (octet_length(wrapped) BETWEEN 48 AND 4096),
    kek        text        NOT NULL CHECK (length(kek) BETWEEN 1 AND 200) REFERENCES privacy.kek (id),
    state      text        NOT NULL DEFAULT 'active' CHECK (state IN (
                   'pre-active', 'active', 'decrypt-only', 'compromised', 'destroyed')),
    created_at timestamptz NOT NULL,
    seal_until timestamptz NOT NULL,
    open_until timestamptz NOT NULL,
    made_by    uuid,
    PRIMARY KEY (subject, version),
    CHECK ((state = 'destroyed') = (wrapped IS NULL)),
    CHECK (created_at < seal_until AND seal_until <= open_until)
);
COMMENT ON TABLE privacy.subject_key IS
    'One data key per subject and version, wrapped under the key-encryption key named in kek.';
CREATE UNIQUE INDEX subject_key_one_active ON privacy.subject_key (subject) WHERE state = 'active';
CREATE INDEX subject_key_kek ON privacy.subject_key (kek);
GRANT SELECT, INSERT, UPDATE (state, wrapped, kek) ON privacy.subject_key TO emoney_app;

-- A wrapped key may move to another key-encryption key (privacy.admit_wrapping_v1); otherwise only its state may change.
CREATE FUNCTION privacy.guard_subject_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    above privacy.kek;
    alone boolean;
BEGIN
    IF (NEW.subject, NEW.version, NEW.created_at, NEW.seal_until, NEW.open_until)
        <> (OLD.subject, OLD.version, OLD.created_at, OLD.seal_until, OLD.open_until)
        OR NEW.made_by IS DISTINCT FROM OLD.made_by
    THEN
        RAISE EXCEPTION 'a subject key is not exchanged for another'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = OLD.state THEN
        IF OLD.state = 'destroyed' OR NEW.kek = OLD.kek OR NEW.wrapped = OLD.wrapped THEN
            RAISE EXCEPTION 'a subject key is wrapped anew under another key-encryption key only'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        PERFORM privacy.admit_wrapping_v1('subject key', NEW.subject, NULL, NEW.version, OLD.kek, NEW.kek, NEW.wrapped);
        RETURN NEW;
    END IF;
    IF NOT privacy.key_may_become(OLD.state, NEW.state) OR NEW.kek <> OLD.kek
        OR (NEW.state <> 'destroyed' AND NEW.wrapped <> OLD.wrapped)
    THEN
        RAISE EXCEPTION 'a subject key does not become % from %', NEW.state, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state = 'destroyed' THEN
        SELECT * INTO above FROM privacy.kek WHERE id = NEW.kek;
        alone := EXISTS (SELECT FROM privacy.destruction_agreed_v1('subject key', NEW.subject::text, false));
        IF NOT alone AND NOT EXISTS (SELECT FROM privacy.destruction_agreed_v1('kek', NEW.kek, true)) THEN
            RAISE EXCEPTION 'two persons must agree before a key is destroyed'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF (alone OR above.expires_month IS NULL) AND privacy.held(NEW.subject) THEN
            RAISE EXCEPTION 'the key of a subject under a legal hold is not destroyed'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        -- with the key of a month end those who are erased, and those held too late
        IF NOT alone AND above.expires_month IS NOT NULL AND NOT privacy.being_erased(NEW.subject)
            AND (NOT privacy.held(NEW.subject)
                OR (privacy.retained_until_v1(ARRAY[NEW.subject]) > clock_timestamp()
                    AND (ledger.clock_policy_v1()).behind_s IS NOT NULL))
        THEN
            RAISE EXCEPTION 'with the key of a month, those of others than are erased end by themselves only'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NOT alone AND above.expires_month + interval '1 month' > clock_timestamp() AT TIME ZONE 'UTC'
            AND (ledger.clock_policy_v1()).behind_s IS NOT NULL
        THEN
            RAISE EXCEPTION 'the keys of a month are destroyed once it is over'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.guard_subject_key() FROM PUBLIC;

CREATE TRIGGER subject_key_guard BEFORE UPDATE ON privacy.subject_key
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_subject_key();
CREATE TRIGGER subject_key_keep BEFORE DELETE OR TRUNCATE ON privacy.subject_key
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- One key, one use: what a subject key is wrapped under wraps subject keys, and may still take new ones. A key is as old as it
-- says, since what is kept of a person without accounts is counted from it.
CREATE FUNCTION privacy.guard_wrapping() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ledger.check_recorded_v1(each.at) FROM (
        SELECT min(created_at) FROM written UNION ALL SELECT max(created_at) FROM written
    ) AS each (at) WHERE each.at IS NOT NULL;
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT kek FROM written) AS under
        LEFT JOIN privacy.kek ON kek.id = under.kek AND kek.use = TG_ARGV[0] AND kek.state = 'active'
        WHERE kek.id IS NULL
    ) THEN
        RAISE EXCEPTION 'keys are wrapped under an active key-encryption key of their use'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.guard_wrapping() FROM PUBLIC;
CREATE TRIGGER subject_key_wrapping AFTER INSERT ON privacy.subject_key
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION privacy.guard_wrapping('wrap subject keys');
