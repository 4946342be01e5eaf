-- What one transfer costs PostgreSQL: a statement that writes one row reads every check of its table anew, which takes
-- longer than the write; and to sum the entries of each account takes longer than the two entries of one transfer.

-- What does not change at a posting is checked when it is said: an account's words, and that it is closed at zero only.
-- Whoever posts to a closed account, or holds on it, is refused by the posting and the hold.
DROP TRIGGER check_account ON ledger.account;
DROP FUNCTION ledger.check_account_v1();

CREATE FUNCTION ledger.check_account_v2() RETURNS trigger
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
    FOR EACH ROW EXECUTE FUNCTION ledger.check_account_v2();

-- The others in fewer words: a check whose bound is null holds.
ALTER TABLE ledger.account
    DROP CONSTRAINT account_sign_check,
    DROP CONSTRAINT account_currency_check,
    DROP CONSTRAINT account_external_ref_check,
    DROP CONSTRAINT account_closed,
    DROP CONSTRAINT account_debits_posted_check,
    DROP CONSTRAINT account_credits_posted_check,
    DROP CONSTRAINT account_debits_pending_check,
    DROP CONSTRAINT account_credits_pending_check,
    DROP CONSTRAINT account_version_check,
    DROP CONSTRAINT account_ceiling,
    DROP CONSTRAINT account_floor,
    ADD CONSTRAINT account_sums
        CHECK (least(debits_posted, credits_posted, debits_pending, credits_pending, version) >= 0),
    ADD CONSTRAINT account_ceiling CHECK (sign * (debits_posted - credits_posted) <= ceiling),
    ADD CONSTRAINT account_floor CHECK (
        sign * (debits_posted - credits_posted) - CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END >= floor
    );
ALTER TABLE ledger.usage DROP CONSTRAINT usage_moved_check;

-- What a statement's transfers leave an account: its entries' first and last version and how many they are, their sums, of
-- what currencies and times they are, the balance after the first and what that one changed by, debits counted up; and
-- whether each balance follows from the one before, on an account whose balance debits raise, and credits.
CREATE TYPE ledger.account_total AS (
    account_id uuid, first bigint, last bigint, entries bigint, debits bigint, credits bigint, currency text,
    other_currency text, first_posted_at timestamptz, last_posted_at timestamptz, first_after bigint, first_change bigint,
    debits_raise boolean, credits_raise boolean
);

-- As in version 3, without sums where there is one transfer.
CREATE FUNCTION ledger.post_entries_v4() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    sides bigint;
    totals ledger.account_total[];
    unreceipted boolean;
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

    GET DIAGNOSTICS sides = ROW_COUNT;

    IF sides = 2 THEN  -- one transfer: nothing to sum
        SELECT ARRAY[
            ROW(debit_account, debit_version, debit_version, 1, amount, 0, currency, currency, posted_at, posted_at,
                debit_balance, amount, true, true),
            ROW(credit_account, credit_version, credit_version, 1, 0, amount, currency, currency, posted_at, posted_at,
                credit_balance, -amount, true, true)
        ]::ledger.account_total[], reference IS NULL INTO totals, unreceipted FROM posted;
    ELSE
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
            SELECT ROW(
                account_id, min(version), max(version), count(*), sum(debit), sum(credit), min(currency), max(currency),
                min(posted_at), max(posted_at),
                max(after) FILTER (WHERE before IS NULL), max(debit - credit) FILTER (WHERE before IS NULL),
                coalesce(bool_and(before + debit - credit = after), true),
                coalesce(bool_and(before + credit - debit = after), true)
            )::ledger.account_total AS row
            FROM stepped GROUP BY account_id
        )
        SELECT array_agg(row), (SELECT bool_or(reference IS NULL) FROM posted) INTO totals, unreceipted FROM total;
    END IF;

    UPDATE ledger.account AS a
    SET debits_posted = a.debits_posted + t.debits,
        credits_posted = a.credits_posted + t.credits,
        version = t.last,
        last_posted_at = t.last_posted_at
    FROM unnest(totals) AS t
    WHERE a.id = t.account_id
      AND t.first = a.version + 1 AND t.last - t.first + 1 = t.entries
      AND a.currency = t.currency AND t.currency = t.other_currency
      AND t.first_posted_at >= coalesce(a.last_posted_at, '-infinity')
      AND a.closed_at IS NULL
      AND NOT (a.frozen_debit AND t.debits > 0) AND NOT (a.frozen_credit AND t.credits > 0)
      AND a.sign * (a.debits_posted - a.credits_posted + t.first_change) = t.first_after
      AND CASE a.sign WHEN 1 THEN t.debits_raise ELSE t.credits_raise END;
    GET DIAGNOSTICS updated = ROW_COUNT;
    IF updated <> cardinality(totals) THEN
        RAISE EXCEPTION 'ledger: % of % accounts are unknown, closed, frozen, of another currency, ahead in time, or their versions or balances do not follow from their transfers',
            cardinality(totals) - updated, cardinality(totals) USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- What raises an asset and a liability at once issues value, whatever the operation is called.
    IF unreceipted THEN
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
REVOKE EXECUTE ON FUNCTION ledger.post_entries_v4() FROM PUBLIC;

DROP TRIGGER post_entries ON ledger.transfer;
CREATE TRIGGER post_entries AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.post_entries_v4();
DROP FUNCTION ledger.post_entries_v3();
