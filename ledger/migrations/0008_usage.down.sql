DROP TRIGGER post_entries ON ledger.transfer;
DROP FUNCTION ledger.post_entries_v2();
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

DROP TRIGGER check_account ON ledger.account;
DROP FUNCTION ledger.check_account_v1();
ALTER TABLE ledger.account
    ADD CONSTRAINT account_profile FOREIGN KEY (profile_id, currency) REFERENCES ledger.limit_profile (id, currency),
    ADD CONSTRAINT account_chart CHECK (
        kind IN ('safeguarding', 'in_transit', 'issued_unfunded', 'customer', 'merchant', 'agent', 'suspense',
                 'fees', 'dormant', 'escheat', 'own_funds')
        AND sign = CASE WHEN kind IN ('safeguarding', 'in_transit', 'issued_unfunded') THEN 1 ELSE -1 END
        AND coalesce(floor, CASE WHEN kind IN ('in_transit', 'own_funds') THEN 0 ELSE -1 END) >= 0
    );

ALTER TABLE ledger.transfer DROP CONSTRAINT issue_needs_receipt;
ALTER TABLE ledger.transfer ADD CONSTRAINT issue_needs_receipt CHECK (
    operation NOT IN ('opening', 'load') OR reference IS NOT NULL
);

ALTER TABLE ledger.limit_profile DROP COLUMN counted_per_payee, DROP COLUMN fiscal_year_starts;

ALTER TABLE ledger.usage RENAME TO usage_after;
ALTER TABLE ledger.usage_after RENAME CONSTRAINT usage_pkey TO usage_after_pkey;
CREATE TABLE ledger.usage (
    account_id uuid NOT NULL,
    starts_on date NOT NULL,
    span text NOT NULL,
    direction text NOT NULL,
    operation text NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    count bigint NOT NULL CHECK (count >= 0),
    returned_amount bigint NOT NULL DEFAULT 0 CHECK (returned_amount BETWEEN 0 AND amount),
    returned_count bigint NOT NULL DEFAULT 0 CHECK (returned_count BETWEEN 0 AND count),
    PRIMARY KEY (account_id, starts_on, span, direction, operation)
) WITH (fillfactor = 80);

-- Days and months as they stand now: what was given back is gone from them.
INSERT INTO ledger.usage (account_id, starts_on, span, direction, operation, amount, count)
SELECT scope_id, CASE WHEN day IS NULL THEN starts_on ELSE starts_on + day - 1 END,
       CASE WHEN day IS NULL THEN 'calendar_month' ELSE 'day' END, direction, operation, amount, count
FROM ledger.usage_cell
WHERE span = 'month' AND operation IS NOT NULL AND scope_id IN (SELECT id FROM ledger.account);

DROP VIEW ledger.usage_cell;
DROP FUNCTION ledger.write_usage_v1(boolean, date, text, uuid[], text[], text[], bigint[], bigint[]);
DROP TABLE ledger.usage_after;
DROP TABLE ledger.operation_number;

CREATE TRIGGER only_grows BEFORE UPDATE ON ledger.usage FOR EACH ROW
    WHEN (NEW.amount < OLD.amount OR NEW.count < OLD.count
        OR NEW.returned_amount < OLD.returned_amount OR NEW.returned_count < OLD.returned_count)
    EXECUTE FUNCTION ledger.refuse_decrease();
GRANT SELECT, INSERT ON ledger.usage TO emoney_app;
GRANT UPDATE (amount, count, returned_amount, returned_count) ON ledger.usage TO emoney_app;
