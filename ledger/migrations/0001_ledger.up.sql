-- The ledger's schema, in reading order: role, tables, the posting trigger, append-only triggers, grants.

CREATE SCHEMA ledger;

-- The application's role belongs to the server, not to one database, and may be there already.
-- An owner who is no superuser joins it, to run the application as well.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'emoney_app') THEN
        CREATE ROLE emoney_app NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        GRANT emoney_app TO CURRENT_USER;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
END
$$;

-- What a profile allows. Never edited: a changed rule is another profile.
CREATE TABLE ledger.limit_profile (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    currency text NOT NULL,
    time_zone text NOT NULL,
    rules jsonb NOT NULL,
    counted jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (id, currency)
);

-- An account and, in the same row, what it holds: one lock, one read, one update.
-- sign: 1 where debits raise the balance (assets), -1 where credits do. floor: null where it may go below any.
-- The pending sums are kept by holds.
CREATE TABLE ledger.account (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    currency text NOT NULL CHECK (length(currency) = 3),
    holder uuid,
    external_ref text UNIQUE CHECK (length(external_ref) BETWEEN 1 AND 128),
    profile_id uuid,
    opened_at timestamptz NOT NULL,
    sign smallint NOT NULL CHECK (sign IN (-1, 1)),
    floor bigint,
    frozen_debit boolean NOT NULL DEFAULT false,
    frozen_credit boolean NOT NULL DEFAULT false,
    closed_at timestamptz,
    debits_posted bigint NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
    credits_posted bigint NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
    debits_pending bigint NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
    credits_pending bigint NOT NULL DEFAULT 0 CHECK (credits_pending >= 0),
    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    last_posted_at timestamptz,
    -- limits count minor units: a profile of another currency would measure the wrong thing
    CONSTRAINT account_profile FOREIGN KEY (profile_id, currency) REFERENCES ledger.limit_profile (id, currency),
    CONSTRAINT account_chart CHECK (
        kind IN ('safeguarding', 'in_transit', 'issued_unfunded', 'customer', 'merchant', 'agent', 'suspense',
                 'fees', 'dormant', 'escheat', 'own_funds')
        AND sign = CASE WHEN kind IN ('safeguarding', 'in_transit', 'issued_unfunded') THEN 1 ELSE -1 END
        AND coalesce(floor, CASE WHEN kind IN ('in_transit', 'own_funds') THEN 0 ELSE -1 END) >= 0
    ),
    CONSTRAINT account_floor CHECK (
        floor IS NULL
        OR sign * (debits_posted - credits_posted)
            - CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END >= floor
    )
) WITH (fillfactor = 60);

CREATE INDEX account_holder ON ledger.account (holder) WHERE holder IS NOT NULL;

-- Every transfer id ever sent, with a hash of what was sent under it.
CREATE TABLE ledger.claim (
    id uuid PRIMARY KEY,
    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32)
);

-- A transfer moves `amount` minor units from the debited to the credited account. It names the version and the
-- balance each account reaches by it. xact orders extraction: rows of a transaction still running are not read.
CREATE TABLE ledger.transfer (
    id uuid PRIMARY KEY,
    debit_account uuid NOT NULL,
    credit_account uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    operation text NOT NULL,
    reference text CHECK (length(reference) BETWEEN 1 AND 128),
    group_id uuid,
    effective_at timestamptz NOT NULL,
    posted_at timestamptz NOT NULL,
    debit_version bigint NOT NULL,
    debit_balance bigint NOT NULL,
    credit_version bigint NOT NULL,
    credit_balance bigint NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    CHECK (debit_account <> credit_account),
    CONSTRAINT issue_needs_receipt CHECK (operation NOT IN ('opening', 'load') OR reference IS NOT NULL)
);

CREATE INDEX transfer_xact ON ledger.transfer USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- The two sides of each transfer. direction: 1 debit, -1 credit.
CREATE TABLE ledger.entry (
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    transfer_id uuid NOT NULL,
    amount bigint NOT NULL,
    balance_after bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    direction smallint NOT NULL,
    PRIMARY KEY (account_id, version)
);

-- A transfer that was refused: the rule, its numbers and its source.
CREATE TABLE ledger.refusal (
    transfer_id uuid PRIMARY KEY,
    debit_account uuid NOT NULL,
    credit_account uuid NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    operation text NOT NULL,
    reference text,
    group_id uuid,
    effective_at timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    rule text NOT NULL,
    decision text NOT NULL,
    source text NOT NULL,
    numbers jsonb NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);

-- The history, the proof log and the outbox read transfers and refusals by ranges of transactions.
CREATE INDEX refusal_xact ON ledger.refusal USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- What a wallet has moved in a window. Kept per operation, so that any rule of any tier can sum what it measures.
CREATE TABLE ledger.usage (
    account_id uuid NOT NULL,
    starts_on date NOT NULL,
    span text NOT NULL,
    direction text NOT NULL,
    operation text NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    count bigint NOT NULL CHECK (count >= 0),
    PRIMARY KEY (account_id, starts_on, span, direction, operation)
) WITH (fillfactor = 80);

-- Posting: the application inserts transfers; the two entries of each and the balances follow from them here, and
-- only here. The versions and balances that the application decided are held against what the rows say.
-- Runs with its owner's rights: the application itself can write neither entries nor balances. Nobody else may
-- hang it on a table of theirs, which would turn those rights against the ledger.
-- Accounts are found by index probes only. A plan is kept for as long as the connection, and one made for a large
-- batch on a small ledger must not scan a large one; for the same reason nothing here has a LIMIT.
CREATE FUNCTION ledger.post_entries_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    touched bigint;
    updated bigint;
    wrong text;
BEGIN
    IF TG_RELID <> 'ledger.transfer'::regclass THEN
        RAISE EXCEPTION 'ledger: transfers are posted from ledger.transfer only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    INSERT INTO ledger.entry (account_id, version, transfer_id, amount, balance_after, posted_at, direction)
    SELECT debit_account, debit_version, id, amount, debit_balance, posted_at, 1 FROM posted
    UNION ALL
    SELECT credit_account, credit_version, id, amount, credit_balance, posted_at, -1 FROM posted;

    WITH side AS (
        SELECT debit_account AS account_id, debit_version AS version, amount AS debit, 0 AS credit, currency, posted_at FROM posted
        UNION ALL
        SELECT credit_account, credit_version, 0, amount, currency, posted_at FROM posted
    ), total AS (
        SELECT account_id, count(*) AS entries, min(version) AS first, max(version) AS last,
               sum(debit)::bigint AS debits, sum(credit)::bigint AS credits,
               min(currency) AS currency, max(currency) AS other_currency,
               min(posted_at) AS first_posted_at, max(posted_at) AS last_posted_at
        FROM side GROUP BY account_id
    ), moved AS (
        UPDATE ledger.account AS a
        SET debits_posted = a.debits_posted + t.debits,
            credits_posted = a.credits_posted + t.credits,
            version = t.last,
            last_posted_at = t.last_posted_at
        FROM total AS t
        WHERE a.id = t.account_id
          AND t.first = a.version + 1 AND t.last - t.first + 1 = t.entries
          AND a.currency = t.currency AND t.currency = t.other_currency
          AND t.first_posted_at >= coalesce(a.last_posted_at, '-infinity')
          AND a.closed_at IS NULL
          AND NOT (a.frozen_debit AND t.debits > 0) AND NOT (a.frozen_credit AND t.credits > 0)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM total) INTO updated, touched;
    IF updated <> touched THEN
        RAISE EXCEPTION 'ledger: % of % accounts are unknown, closed, frozen, of another currency, ahead in time, or have a gap in their versions',
            touched - updated, touched USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    WITH side AS (
        SELECT debit_account AS account_id, debit_version AS version, amount AS delta, debit_balance AS after FROM posted
        UNION ALL
        SELECT credit_account, credit_version, -amount, credit_balance FROM posted
    ), chain AS (
        SELECT s.account_id, s.after, a.sign * s.delta AS delta,
               lag(s.after) OVER of_account AS before,
               row_number() OVER (PARTITION BY s.account_id ORDER BY s.version DESC) AS from_last,
               a.sign * (a.debits_posted - a.credits_posted) AS balance
        FROM side AS s JOIN ledger.account AS a ON a.id = s.account_id
        WINDOW of_account AS (PARTITION BY s.account_id ORDER BY s.version)
    )
    SELECT min(account_id::text) INTO wrong FROM chain
    WHERE (before IS NOT NULL AND before + delta <> after) OR (from_last = 1 AND after <> balance);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: the balances sent for account % do not follow from its transfers', wrong
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- What raises an asset and a liability at once issues value, whatever the operation is called.
    IF EXISTS (SELECT FROM posted WHERE reference IS NULL) THEN
        SELECT min(p.id::text) INTO wrong FROM posted AS p
        JOIN ledger.account AS d ON d.id = p.debit_account
        JOIN ledger.account AS c ON c.id = p.credit_account
        WHERE p.reference IS NULL AND d.sign = 1 AND c.sign = -1;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION 'ledger: transfer % issues e-money and names no receipt', wrong
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.post_entries_v1() FROM PUBLIC;

CREATE TRIGGER post_entries AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.post_entries_v1();

-- Append-only: not even the owner changes or removes a row by accident.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.limit_profile
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.claim
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.refusal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON ledger.account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Counters of past use only grow: one that shrank would open a limit again.
CREATE FUNCTION ledger.refuse_decrease() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%.% only grows: a decrease is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER only_grows BEFORE UPDATE ON ledger.usage FOR EACH ROW
    WHEN (NEW.amount < OLD.amount OR NEW.count < OLD.count)
    EXECUTE FUNCTION ledger.refuse_decrease();

-- xact is left to the database: a forged one would hide a transfer from extraction, and so from monitoring.
GRANT USAGE ON SCHEMA ledger TO emoney_app;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO emoney_app;
GRANT INSERT ON ledger.limit_profile, ledger.claim, ledger.usage TO emoney_app;
GRANT INSERT (id, debit_account, credit_account, amount, currency, operation, reference, group_id, effective_at,
    posted_at, debit_version, debit_balance, credit_version, credit_balance) ON ledger.transfer TO emoney_app;
GRANT INSERT (transfer_id, debit_account, credit_account, amount, currency, operation, reference, group_id,
    effective_at, decided_at, rule, decision, source, numbers) ON ledger.refusal TO emoney_app;
GRANT INSERT (id, kind, currency, holder, external_ref, profile_id, opened_at, sign, floor) ON ledger.account TO emoney_app;
GRANT UPDATE (profile_id, frozen_debit, frozen_credit, closed_at) ON ledger.account TO emoney_app;
GRANT UPDATE (amount, count) ON ledger.usage TO emoney_app;

-- The application checks that the schema is of its version.
GRANT SELECT ON public.alembic_version TO emoney_app;
