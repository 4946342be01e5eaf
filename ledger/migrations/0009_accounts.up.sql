-- Accounts: ceilings, closing at zero only, a record of every change, the hierarchy of the chart, and metadata.
-- Nothing here refers to ledger.account by a foreign key: accounts are never removed, and a key would be asked at
-- each posting. None of it lies in the account's row but the ceiling, since that row is rewritten by each posting.

-- A ceiling is for what was posted: what is held for the account counts when it is captured.
ALTER TABLE ledger.account
    ADD COLUMN ceiling bigint,
    ADD CONSTRAINT account_ceiling CHECK (ceiling IS NULL OR sign * (debits_posted - credits_posted) <= ceiling),
    ADD CONSTRAINT account_closed CHECK (
        closed_at IS NULL OR (debits_posted = credits_posted AND debits_pending = 0 AND credits_pending = 0)
    );

-- What was changed about an account, by whom and why; what the account is follows from it, by trigger only.
-- A freeze or unfreeze holds both flags as they are from then on, bounds hold both bounds.
CREATE TABLE ledger.account_change (
    account_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    kind text NOT NULL CHECK (kind IN ('freeze', 'unfreeze', 'bounds', 'parent', 'close')),
    frozen_debit boolean,
    frozen_credit boolean,
    floor bigint,
    ceiling bigint,
    parent_id uuid,
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 128),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    PRIMARY KEY (account_id, number),
    CONSTRAINT account_change_content CHECK (
        (kind IN ('freeze', 'unfreeze')) = (frozen_debit IS NOT NULL)
        AND (kind IN ('freeze', 'unfreeze')) = (frozen_credit IS NOT NULL)
        AND (kind = 'bounds' OR (floor IS NULL AND ceiling IS NULL))
        AND (kind = 'parent' OR parent_id IS NULL)
    )
);

-- The hierarchy as it stands. Follows from the table above.
CREATE TABLE ledger.account_parent (
    account_id uuid PRIMARY KEY,
    parent_id uuid NOT NULL CHECK (parent_id <> account_id)
);
CREATE INDEX account_parent_parent ON ledger.account_parent (parent_id);

-- Whatever the operator keeps about an account, replaced whole.
CREATE TABLE ledger.account_metadata (
    account_id uuid PRIMARY KEY,
    metadata jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT account_metadata_size CHECK (
        jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 4096
    )
);

-- Where an account may stand: below an open account of its currency and sign, in no circle, at most 16 levels deep.
-- One caller at a time: two that each move one account below the other would see no circle.
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
        OR (NEW.kind = 'freeze' AND (NEW.frozen_debit < account.frozen_debit OR NEW.frozen_credit < account.frozen_credit))
        OR (NEW.kind = 'unfreeze' AND (NEW.frozen_debit > account.frozen_debit OR NEW.frozen_credit > account.frozen_credit))
        OR (NEW.kind = 'close' AND NEW.at < account.last_posted_at)
    THEN
        RAISE EXCEPTION 'ledger: the % of account % does not follow from its state', NEW.kind, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.kind = 'parent' THEN
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

CREATE TRIGGER change_account AFTER INSERT ON ledger.account_change
    FOR EACH ROW EXECUTE FUNCTION ledger.change_account_v1();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.account_change
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

REVOKE UPDATE (frozen_debit, frozen_credit, closed_at) ON ledger.account FROM emoney_app;
GRANT INSERT (ceiling) ON ledger.account TO emoney_app;
GRANT SELECT ON ledger.account_change, ledger.account_parent, ledger.account_metadata TO emoney_app;
GRANT INSERT (account_id, number, kind, frozen_debit, frozen_credit, floor, ceiling, parent_id, actor, reason, at)
    ON ledger.account_change TO emoney_app;
GRANT INSERT, UPDATE (metadata, changed_at) ON ledger.account_metadata TO emoney_app;
