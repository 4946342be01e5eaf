-- Accounts: what an account is and holds, the record of its changes, the hierarchy of the chart, and metadata.
-- What each posting or change writes refers to ledger.account by no foreign key: accounts are never removed, and a key
-- would be checked at each posting.

-- An account and, in the same row, what it holds: one lock, one read, one update.
-- sign: 1 where debits raise the balance (assets), -1 where credits do. floor: null where it may go below any; pending
-- sums, which holds keep, count against it. ceiling: for what was posted; what is held for the account counts when it
-- is captured. counters: of a wallet under limits, by slot of its profile what it moved on the day counted_on, then by slot
-- what it moved in the slot's window before that day (04_limits_guards.sql). counted_from: the version after which its
-- transfers count; null for all.
-- Each posting rewrites this row, so what no posting changes lies in other tables. A statement that writes one row reads
-- every check of its table anew, which takes longer than the write: so triggers check, of what postings and holds change
-- ledger.keep_account_v1, of the rest ledger.check_account_v1.
CREATE TABLE ledger.account (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    currency text NOT NULL,
    holder uuid,
    external_ref text UNIQUE,
    profile_id uuid,
    opened_at timestamptz NOT NULL,
    sign smallint NOT NULL,
    floor bigint,
    frozen_debit boolean NOT NULL DEFAULT false,
    frozen_credit boolean NOT NULL DEFAULT false,
    closed_at timestamptz,
    debits_posted bigint NOT NULL DEFAULT 0,
    credits_posted bigint NOT NULL DEFAULT 0,
    debits_pending bigint NOT NULL DEFAULT 0,
    credits_pending bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    last_posted_at timestamptz,
    ceiling bigint,
    counted_on date,
    counters bigint[],
    counted_from bigint
) WITH (fillfactor = 60);

CREATE INDEX account_holder ON ledger.account (holder) WHERE holder IS NOT NULL;
-- The chart's own accounts, which are few among customers'.
CREATE INDEX account_kind ON ledger.account (kind, id) WHERE kind <> 'customer';

-- What an account is, checked when that is said: its kind stands on the chart, with the sign and the floor of that
-- kind; its profile is of its currency, for limits count minor units; it is closed at zero only. Profiles are never
-- removed or changed, so nothing is to be watched on their side. Whoever posts to a closed account, or holds on it, is
-- refused by the posting and the hold.
CREATE FUNCTION ledger.check_account_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.kind NOT IN ('safeguarding', 'in_transit', 'issued_unfunded', 'customer', 'merchant', 'agent', 'suspense',
                        'fees', 'dormant', 'escheat', 'own_funds')
        OR NEW.sign <> (CASE WHEN NEW.kind IN ('safeguarding', 'in_transit', 'issued_unfunded') THEN 1 ELSE -1 END)
        OR coalesce(NEW.floor, CASE WHEN NEW.kind IN ('in_transit', 'own_funds') THEN 0 ELSE -1 END) < 0
    THEN
        RAISE EXCEPTION 'ledger: an account of kind % with sign % and floor % is not on the chart of accounts',
            NEW.kind, NEW.sign, NEW.floor USING ERRCODE = 'check_violation', CONSTRAINT = 'account_chart';
    END IF;
    IF NEW.profile_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM ledger.limit_profile AS p WHERE p.id = NEW.profile_id AND p.currency = NEW.currency)
    THEN
        RAISE EXCEPTION 'ledger: there is no limit profile % for accounts in %', NEW.profile_id, NEW.currency
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'account_profile';
    END IF;
    IF length(NEW.currency) <> 3 OR length(NEW.external_ref) NOT BETWEEN 1 AND 128 THEN
        RAISE EXCEPTION 'ledger: a currency has three letters, and a reference of an account 1 to 128 signs'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_words';
    END IF;
    IF NEW.closed_at IS NOT NULL AND (NEW.debits_posted, NEW.debits_pending, NEW.credits_pending) <> (NEW.credits_posted, 0, 0)
    THEN
        RAISE EXCEPTION 'ledger: account % is closed, and not at zero', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_closed';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER check_account
    AFTER INSERT OR UPDATE OF kind, sign, floor, currency, external_ref, profile_id, closed_at ON ledger.account
    FOR EACH ROW EXECUTE FUNCTION ledger.check_account_v1();
-- When an account was opened does not change. The application may update this column only: locking a row takes a
-- right to.
CREATE TRIGGER opened_once BEFORE UPDATE OF opened_at ON ledger.account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON ledger.account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Why an account may be frozen. Each kind stands by itself and is lifted by its own owner: an account is frozen while one
-- stands. The ledger has the operator's; a floor above registers its own.
-- takes_two: the action on the account, with the kind in its details, by whose approval a freeze is lifted; none: by one.
-- lifting: a function (account uuid) that says at the end of a transaction whether the kind may be gone from an account.
CREATE TABLE ledger.freeze_kind (
    name text PRIMARY KEY CHECK (name ~ '^[a-z_]{1,40}$'),
    takes_two text REFERENCES ledger.request_action (name),
    lifting text CHECK (lifting ~ '^[a-z_]{1,63}\.[a-z0-9_]{1,63}$')
);
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON ledger.freeze_kind
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
INSERT INTO ledger.freeze_kind (name) VALUES ('operator');

-- The freezes that stand; since when each does as it does: since the newest order to. Follows from the table below; the two flags of the account
-- follow from it, so that posting reads nothing else.
CREATE TABLE ledger.account_freeze (
    account_id uuid,
    kind text REFERENCES ledger.freeze_kind (name),
    debit boolean NOT NULL,
    credit boolean NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (account_id, kind),
    CHECK (debit OR credit)
);

-- What was changed about an account, by whom and why; what the account is follows from it, by trigger only.
-- A freeze or unfreeze is of one kind: freeze_debit and freeze_credit are what that kind stops from then on, frozen_debit
-- and frozen_credit what all kinds together do. approval_id: the decision on which it, or limits, are lifted, where that
-- takes two.
-- Bounds hold both bounds. was_under: the profile before a change of it, as the database knows it, so that what an account
-- was under at any time is on record. id: by which the change's leaf in the proof log names it; left to the database.
CREATE TABLE ledger.account_change (
    account_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    kind text NOT NULL CHECK (kind IN ('freeze', 'unfreeze', 'bounds', 'parent', 'profile', 'close')),
    frozen_debit boolean,
    frozen_credit boolean,
    freeze_kind text REFERENCES ledger.freeze_kind (name),
    freeze_debit boolean,
    freeze_credit boolean,
    approval_id uuid UNIQUE REFERENCES ledger.request_decision (request_id),
    floor bigint,
    ceiling bigint,
    parent_id uuid,
    profile_id uuid,
    was_under uuid,
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    PRIMARY KEY (account_id, number),
    CONSTRAINT account_change_content CHECK (
        num_nonnulls(frozen_debit, frozen_credit, freeze_kind, freeze_debit, freeze_credit)
            = CASE WHEN kind IN ('freeze', 'unfreeze') THEN 5 ELSE 0 END
        AND (kind IN ('unfreeze', 'profile') OR approval_id IS NULL)
        AND (kind = 'bounds' OR (floor IS NULL AND ceiling IS NULL))
        AND (kind = 'parent' OR parent_id IS NULL)
        AND (kind = 'profile' OR (profile_id IS NULL AND was_under IS NULL))
    )
);

CREATE UNIQUE INDEX account_change_id ON ledger.account_change (id);
CREATE INDEX account_change_xact ON ledger.account_change 
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- The hierarchy as it stands. Follows from the table above.
CREATE TABLE ledger.account_parent (
    account_id uuid PRIMARY KEY,
    parent_id uuid NOT NULL CHECK (parent_id <> account_id)
);

CREATE INDEX account_parent_parent ON ledger.account_parent (parent_id);

-- Where an account may stand: below an open account of its currency and sign, never below itself, at most 16 levels
-- deep. One caller at a time: two that each move one account below the other would not see each other's move.
CREATE FUNCTION ledger.check_parent_v1(child ledger.account, parent uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    levels bigint;
    circle boolean;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'ledger: accounts are moved in the isolation level read committed'
            USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger.account_parent', 0));
    PERFORM FROM ledger.account AS p
    WHERE p.id = parent AND p.currency = child.currency AND p.sign = child.sign AND p.closed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: account % cannot stand below %: unknown, closed, or of another currency or sign',
            child.id, parent USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    WITH RECURSIVE above (id, level) AS (
        SELECT parent, 1
        UNION ALL
        SELECT p.parent_id, a.level + 1 FROM above AS a JOIN ledger.account_parent AS p ON p.account_id = a.id
    ), below (id, level) AS (
        SELECT child.id, 1
        UNION ALL
        SELECT p.account_id, b.level + 1 FROM below AS b JOIN ledger.account_parent AS p ON p.parent_id = b.id
    )
    SELECT (SELECT max(level) FROM above) + (SELECT max(level) FROM below),
           EXISTS (SELECT FROM above WHERE id = child.id)
    INTO levels, circle;
    IF circle OR levels > 16 THEN
        RAISE EXCEPTION 'ledger: account % below % would stand % levels deep, or below itself', child.id, parent, levels
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_parent_v1(ledger.account, uuid) FROM PUBLIC;

-- Keep what stands of one kind of freeze, and hold the account's flags to all that stand. The account is locked.
CREATE FUNCTION ledger.keep_freeze_v1(change ledger.account_change) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known ledger.freeze_kind;
    was ledger.account_freeze;
    stopped boolean[];
BEGIN
    SELECT * INTO known FROM ledger.freeze_kind WHERE name = change.freeze_kind;
    SELECT * INTO was FROM ledger.account_freeze WHERE account_id = change.account_id AND kind = change.freeze_kind;
    IF (change.kind = 'freeze' AND (change.freeze_debit < coalesce(was.debit, false)
                                    OR change.freeze_credit < coalesce(was.credit, false)))
        OR (change.kind = 'unfreeze' AND (change.freeze_debit > coalesce(was.debit, false)
                                          OR change.freeze_credit > coalesce(was.credit, false)))
    THEN
        RAISE EXCEPTION 'ledger: the % of account % does not follow from its state', change.kind, change.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF change.kind = 'unfreeze' AND known.takes_two IS NOT NULL AND NOT EXISTS (
        SELECT FROM ledger.request AS asked JOIN ledger.request_decision AS decided ON decided.request_id = asked.id
        WHERE asked.id = change.approval_id AND asked.action = known.takes_two AND asked.subject = change.account_id
          AND asked.details ->> 'kind' = change.freeze_kind AND asked.requested_at >= was.since
          AND decided.outcome = 'approved'
    ) THEN
        RAISE EXCEPTION 'ledger: to lift the freeze % of account % takes two', change.freeze_kind, change.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'unfreezing_takes_two';
    END IF;
    IF change.freeze_debit OR change.freeze_credit THEN
        INSERT INTO ledger.account_freeze (account_id, kind, debit, credit, actor, reason, since)
        VALUES (change.account_id, change.freeze_kind, change.freeze_debit, change.freeze_credit, change.actor,
                change.reason, change.at)
        ON CONFLICT (account_id, kind) DO UPDATE
        SET debit = EXCLUDED.debit, credit = EXCLUDED.credit, actor = EXCLUDED.actor, reason = EXCLUDED.reason,
            since = greatest(ledger.account_freeze.since, EXCLUDED.since);
    ELSE
        DELETE FROM ledger.account_freeze WHERE account_id = change.account_id AND kind = change.freeze_kind;
    END IF;
    SELECT ARRAY[coalesce(bool_or(debit), false), coalesce(bool_or(credit), false)] INTO stopped
    FROM ledger.account_freeze WHERE account_id = change.account_id;
    IF stopped <> ARRAY[change.frozen_debit, change.frozen_credit] THEN
        RAISE EXCEPTION 'ledger: account % is frozen as its freezes say', change.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.keep_freeze_v1(ledger.account_change) FROM PUBLIC;

-- Limits are lifted by two: to no profile, or to one that has no rule with a bound.
INSERT INTO ledger.request_action (name, open_at_most) VALUES ('lifting_limits', '90 days');

-- Whether a profile stops nothing. One that is not there is refused as such (check_account_v1).
CREATE FUNCTION ledger.is_without_limits_v1(profile uuid) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN profile IS NULL OR EXISTS (
        SELECT FROM ledger.limit_profile AS p WHERE p.id = profile AND NOT p.rules @? '$[*] ? (@.bound <> "none")'
    );
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.is_without_limits_v1(uuid) FROM PUBLIC;

-- What two have agreed on: that this account comes under this profile. An approval lapses as any other does.
CREATE FUNCTION ledger.agreed_profiles_v1(account uuid, profile uuid, moment timestamptz) RETURNS SETOF ledger.request
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT asked.* FROM ledger.request AS asked
    JOIN ledger.request_decision AS decided ON decided.request_id = asked.id AND decided.outcome = 'approved'
    JOIN ledger.request_action AS a ON a.name = asked.action
    WHERE asked.subject = account AND asked.action = 'lifting_limits' AND asked.details ? 'profile'
      AND asked.details ->> 'profile' IS NOT DISTINCT FROM profile::text
      AND moment >= decided.decided_at AND moment < decided.decided_at + a.open_at_most
    ORDER BY decided.decided_at;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.agreed_profiles_v1(uuid, uuid, timestamptz) FROM PUBLIC;

-- A customer's account is under limits from its first moment. One without is opened on the word of two, which is
-- recorded and used up by it, or by the import's right.
CREATE FUNCTION ledger.demand_limits_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked ledger.request;
BEGIN
    IF NOT ledger.is_without_limits_v1(NEW.profile_id) THEN
        RETURN NULL;
    END IF;
    SELECT r.* INTO asked FROM ledger.agreed_profiles_v1(NEW.id, NEW.profile_id, NEW.opened_at) AS r
    WHERE NOT EXISTS (SELECT FROM ledger.account_change AS c WHERE c.approval_id = r.id) LIMIT 1;
    IF asked.id IS NULL THEN
        RAISE EXCEPTION 'ledger: a customer''s account %, without limits, takes two to open', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_limits';
    END IF;
    INSERT INTO ledger.account_change (account_id, number, kind, profile_id, approval_id, actor, reason, at)
    SELECT NEW.id, 1 + count(*), 'profile', NEW.profile_id, asked.id, asked.actor, asked.reason, NEW.opened_at
    FROM ledger.account_change WHERE account_id = NEW.id;
    INSERT INTO ledger.request_done (request_id, decided_at, kept, done_at)
    SELECT d.request_id, d.decided_at, d.kept, NEW.opened_at FROM ledger.request_decision AS d WHERE d.request_id = asked.id;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.demand_limits_v1() FROM PUBLIC;
CREATE TRIGGER demand_limits AFTER INSERT ON ledger.account FOR EACH ROW
    WHEN (NEW.kind = 'customer' AND NOT pg_has_role(current_user, 'emoney_import', 'USAGE'))
    EXECUTE FUNCTION ledger.demand_limits_v1();

-- From now on the account is under this profile. It is locked; what changes with a profile changes here.
CREATE FUNCTION ledger.put_under_profile_v1(account uuid, profile uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE ledger.account AS a SET profile_id = profile WHERE a.id = account;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.put_under_profile_v1(uuid, uuid) FROM PUBLIC;

CREATE FUNCTION ledger.change_account_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account ledger.account;
BEGIN
    IF TG_RELID <> 'ledger.account_change'::regclass THEN
        RAISE EXCEPTION 'ledger: accounts are changed from ledger.account_change only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT * INTO account FROM ledger.account WHERE id = NEW.account_id FOR NO KEY UPDATE;
    IF account.id IS NULL OR account.closed_at IS NOT NULL
        OR NEW.number <> (SELECT count(*) FROM ledger.account_change AS c WHERE c.account_id = NEW.account_id AND c.number <= NEW.number)
        OR (NEW.kind = 'close' AND NEW.at < account.last_posted_at)
    THEN
        RAISE EXCEPTION 'ledger: the % of account % does not follow from its state', NEW.kind, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.kind IN ('freeze', 'unfreeze') THEN
        PERFORM ledger.keep_freeze_v1(NEW);
    END IF;
    IF NEW.kind = 'profile' THEN
        IF (NEW.approval_id IS NOT NULL
            OR (ledger.is_without_limits_v1(NEW.profile_id) AND NOT ledger.is_without_limits_v1(account.profile_id)))
            AND NOT EXISTS (
                SELECT FROM ledger.agreed_profiles_v1(NEW.account_id, NEW.profile_id, NEW.at) AS agreed
                WHERE agreed.id = NEW.approval_id
            )
        THEN
            RAISE EXCEPTION 'ledger: to lift the limits of account % takes two', NEW.account_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'lifting_takes_two';
        END IF;
        PERFORM ledger.put_under_profile_v1(NEW.account_id, NEW.profile_id);
    ELSIF NEW.kind = 'parent' THEN
        IF NEW.parent_id IS NULL THEN
            DELETE FROM ledger.account_parent WHERE account_id = NEW.account_id;
        ELSE
            PERFORM ledger.check_parent_v1(account, NEW.parent_id);
            INSERT INTO ledger.account_parent (account_id, parent_id) VALUES (NEW.account_id, NEW.parent_id)
            ON CONFLICT (account_id) DO UPDATE SET parent_id = NEW.parent_id;
        END IF;
    ELSE
        UPDATE ledger.account
        SET frozen_debit = coalesce(NEW.frozen_debit, frozen_debit),
            frozen_credit = coalesce(NEW.frozen_credit, frozen_credit),
            floor = CASE WHEN NEW.kind = 'bounds' THEN NEW.floor ELSE floor END,
            ceiling = CASE WHEN NEW.kind = 'bounds' THEN NEW.ceiling ELSE ceiling END,
            closed_at = CASE WHEN NEW.kind = 'close' THEN NEW.at END
        WHERE id = NEW.account_id;
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.change_account_v1() FROM PUBLIC;

-- The account is locked first, as change_account_v1 does, so nobody comes between.
CREATE FUNCTION ledger.keep_former_profile_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_RELID <> 'ledger.account_change'::regclass THEN
        RAISE EXCEPTION 'ledger: accounts are changed from ledger.account_change only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT a.profile_id INTO NEW.was_under FROM ledger.account AS a WHERE a.id = NEW.account_id FOR NO KEY UPDATE;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.keep_former_profile_v1() FROM PUBLIC;
CREATE TRIGGER keep_former_profile BEFORE INSERT ON ledger.account_change
    FOR EACH ROW WHEN (NEW.kind = 'profile') EXECUTE FUNCTION ledger.keep_former_profile_v1();

CREATE TRIGGER change_account AFTER INSERT ON ledger.account_change
    FOR EACH ROW EXECUTE FUNCTION ledger.change_account_v1();

-- A kind that its owner does not let go may be lifted for a moment, to move the money; at the end it stands as before.
CREATE FUNCTION ledger.demand_lifting_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard text;
    before ledger.account_change;
    may boolean;
BEGIN
    SELECT lifting INTO guard FROM ledger.freeze_kind WHERE name = NEW.freeze_kind;
    IF guard IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT * INTO before FROM ledger.account_change
    WHERE account_id = NEW.account_id AND number < NEW.number AND freeze_kind = NEW.freeze_kind
    ORDER BY number DESC LIMIT 1;
    IF EXISTS (SELECT FROM ledger.account_freeze WHERE account_id = NEW.account_id AND kind = NEW.freeze_kind
               AND debit >= coalesce(before.freeze_debit, false) AND credit >= coalesce(before.freeze_credit, false))
    THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT %s($1)', guard) INTO may USING NEW.account_id;
    IF may IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger: the freeze % of account % is not to be lifted', NEW.freeze_kind, NEW.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'freeze_lifted';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.demand_lifting_v1() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER freeze_lifted AFTER INSERT ON ledger.account_change
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind = 'unfreeze')
    EXECUTE FUNCTION ledger.demand_lifting_v1();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.account_change
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Whatever the operator keeps about an account, replaced whole.
CREATE TABLE ledger.account_metadata (
    account_id uuid PRIMARY KEY,
    metadata jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT account_metadata_size CHECK (
        jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 4096
    )
);
