DROP TRIGGER check_account ON ledger.account;
DROP FUNCTION ledger.check_account_v2();

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
    RETURN NULL;
END
$$;
CREATE TRIGGER check_account AFTER INSERT OR UPDATE OF kind, sign, floor, currency, profile_id ON ledger.account
    FOR EACH ROW EXECUTE FUNCTION ledger.check_account_v1();

ALTER TABLE ledger.account
    DROP CONSTRAINT account_sums,
    DROP CONSTRAINT account_ceiling,
    DROP CONSTRAINT account_floor,
    ADD CONSTRAINT account_sign_check CHECK (sign IN (-1, 1)),
    ADD CONSTRAINT account_currency_check CHECK (length(currency) = 3),
    ADD CONSTRAINT account_external_ref_check CHECK (length(external_ref) BETWEEN 1 AND 128),
    ADD CONSTRAINT account_closed CHECK (
        closed_at IS NULL OR (debits_posted = credits_posted AND debits_pending = 0 AND credits_pending = 0)
    ),
    ADD CONSTRAINT account_debits_posted_check CHECK (debits_posted >= 0),
    ADD CONSTRAINT account_credits_posted_check CHECK (credits_posted >= 0),
    ADD CONSTRAINT account_debits_pending_check CHECK (debits_pending >= 0),
    ADD CONSTRAINT account_credits_pending_check CHECK (credits_pending >= 0),
    ADD CONSTRAINT account_version_check CHECK (version >= 0),
    ADD CONSTRAINT account_ceiling CHECK (ceiling IS NULL OR sign * (debits_posted - credits_posted) <= ceiling),
    ADD CONSTRAINT account_floor CHECK (
        floor IS NULL
        OR sign * (debits_posted - credits_posted)
            - CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END >= floor
    );
ALTER TABLE ledger.usage ADD CONSTRAINT usage_moved_check CHECK (moved >= 0);

-- Version 3 of posting, as it was.
CREATE FUNCTION ledger.post_entries_v3() RETURNS trigger
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

    INSERT INTO ledger.entry (account_id, version, transfer_id, amount, balance_after, posted_at)
    SELECT debit_account, debit_version, id, amount, debit_balance, posted_at FROM posted
    UNION ALL
    SELECT credit_account, credit_version, id, -amount, credit_balance, posted_at FROM posted;

    WITH side AS (
        SELECT debit_account AS account_id, debit_version AS version, amount AS debit, 0::bigint AS credit,
               debit_balance AS after, currency COLLATE "C" AS currency, posted_at FROM posted
        UNION ALL
        SELECT credit_account, credit_version, 0, amount, credit_balance, currency, posted_at FROM posted
    ), stepped AS (
        SELECT account_id, version, debit, credit, after, currency, posted_at,
               lag(after) OVER (PARTITION BY account_id ORDER BY version) AS before
        FROM side
    ), total AS (
        SELECT account_id, count(*) AS entries, min(version) AS first, max(version) AS last,
               sum(debit)::bigint AS debits, sum(credit)::bigint AS credits,
               min(currency) AS currency, max(currency) AS other_currency,
               min(posted_at) AS first_posted_at, max(posted_at) AS last_posted_at,
               max(after) FILTER (WHERE before IS NULL) AS first_after,
               max(debit - credit) FILTER (WHERE before IS NULL) AS first_change,
               coalesce(bool_and(before + debit - credit = after), true) AS debits_raise,
               coalesce(bool_and(before + credit - debit = after), true) AS credits_raise
        FROM stepped GROUP BY account_id
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
          AND a.sign * (a.debits_posted - a.credits_posted + t.first_change) = t.first_after
          AND CASE a.sign WHEN 1 THEN t.debits_raise ELSE t.credits_raise END
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM moved), (SELECT count(*) FROM total) INTO updated, touched;
    IF updated <> touched THEN
        RAISE EXCEPTION 'ledger: % of % accounts are unknown, closed, frozen, of another currency, ahead in time, or their versions or balances do not follow from their transfers',
            touched - updated, touched USING ERRCODE = 'integrity_constraint_violation';
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
REVOKE EXECUTE ON FUNCTION ledger.post_entries_v3() FROM PUBLIC;

DROP TRIGGER post_entries ON ledger.transfer;
CREATE TRIGGER post_entries AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.post_entries_v3();
DROP FUNCTION ledger.post_entries_v4();
DROP TYPE ledger.account_total;
