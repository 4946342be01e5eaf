-- name: update_accounts!
-- One update of all balances that a batch moves.
UPDATE bare.account AS a
SET debits_posted = a.debits_posted + n.debit,
    credits_posted = a.credits_posted + n.credit,
    version = n.version,
    last_posted_at = :at
FROM unnest(:ids::uuid[], :debits::bigint[], :credits::bigint[], :versions::bigint[])
    AS n (id, debit, credit, version)
WHERE a.id = n.id;

-- name: copy_transfers!
COPY bare.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
    effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance) FROM STDIN (FORMAT BINARY);

-- name: copy_entries!
COPY bare.entry (account_id, version, transfer_id, amount, balance_after, posted_at)
    FROM STDIN (FORMAT BINARY);

-- name: function#
-- One transfer as a careful hand would write it in PL/pgSQL: the id claimed once, both accounts locked in id
-- order, funds asked for, the rows that posting writes. No limits.
CREATE FUNCTION bare.post(
    p_id uuid, p_hash bytea, p_debit uuid, p_credit uuid, p_amount bigint, p_currency text, p_operation text,
    p_reference text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_held bigint;
    v_debit record;
    v_credit record;
BEGIN
    INSERT INTO bare.claim (id, content_hash) VALUES (p_id, p_hash) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN EXISTS (SELECT FROM bare.transfer WHERE id = p_id);
    END IF;
    PERFORM FROM bare.account WHERE id IN (p_debit, p_credit) ORDER BY id FOR NO KEY UPDATE;
    SELECT credits_posted - debits_posted - debits_pending INTO v_held FROM bare.account WHERE id = p_debit;
    IF v_held < p_amount THEN
        RETURN false;
    END IF;
    UPDATE bare.account SET debits_posted = debits_posted + p_amount, version = version + 1, last_posted_at = v_now
    WHERE id = p_debit RETURNING version, credits_posted - debits_posted AS balance INTO v_debit;
    UPDATE bare.account SET credits_posted = credits_posted + p_amount, version = version + 1, last_posted_at = v_now
    WHERE id = p_credit RETURNING version, credits_posted - debits_posted AS balance INTO v_credit;
    INSERT INTO bare.transfer (id, debit_account, credit_account, amount, currency, operation, reference,
        effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
    VALUES (p_id, p_debit, p_credit, p_amount, p_currency, p_operation, p_reference, v_now, v_now,
        v_debit.version, v_debit.balance, v_credit.version, v_credit.balance);
    INSERT INTO bare.entry (account_id, version, transfer_id, amount, balance_after, posted_at)
    VALUES (p_debit, v_debit.version, p_id, p_amount, v_debit.balance, v_now),
           (p_credit, v_credit.version, p_id, -p_amount, v_credit.balance, v_now);
    RETURN true;
END
$$;

-- name: walk_function#
-- A batch as a careful hand would write it in PL/pgSQL: the accounts locked in id order and read once, the transfers
-- walked in their order, then each table written by one statement. No limits.
CREATE FUNCTION bare.walk(
    p_ids uuid[], p_debits uuid[], p_credits uuid[], p_amounts bigint[], p_currency text, p_operation text, p_reference text
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_accounts uuid[];
    v_balances bigint[];
    v_versions bigint[];
    v_from integer[];
    v_to integer[];
    v_debit_versions bigint[] := '{}';
    v_debit_balances bigint[] := '{}';
    v_credit_versions bigint[] := '{}';
    v_credit_balances bigint[] := '{}';
BEGIN
    SELECT array_agg(a.id), array_agg(a.credits_posted - a.debits_posted), array_agg(a.version)
    INTO v_accounts, v_balances, v_versions FROM (
        SELECT * FROM bare.account WHERE id = ANY(p_debits || p_credits) ORDER BY id FOR NO KEY UPDATE
    ) AS a;
    INSERT INTO bare.claim (id) SELECT unnest(p_ids);
    WITH place AS (SELECT * FROM unnest(v_accounts) WITH ORDINALITY AS p (id, number))
    SELECT array_agg(d.number ORDER BY t.number), array_agg(c.number ORDER BY t.number)
    INTO v_from, v_to
    FROM unnest(p_debits, p_credits) WITH ORDINALITY AS t (debit, credit, number)
    JOIN place AS d ON d.id = t.debit JOIN place AS c ON c.id = t.credit;
    FOR i IN 1 .. cardinality(p_ids) LOOP
        IF v_balances[v_from[i]] < p_amounts[i] THEN
            RAISE EXCEPTION 'no funds';
        END IF;
        v_balances[v_from[i]] := v_balances[v_from[i]] - p_amounts[i];
        v_balances[v_to[i]] := v_balances[v_to[i]] + p_amounts[i];
        v_versions[v_from[i]] := v_versions[v_from[i]] + 1;
        v_versions[v_to[i]] := v_versions[v_to[i]] + 1;
        v_debit_versions[i] := v_versions[v_from[i]];
        v_debit_balances[i] := v_balances[v_from[i]];
        v_credit_versions[i] := v_versions[v_to[i]];
        v_credit_balances[i] := v_balances[v_to[i]];
    END LOOP;
    INSERT INTO bare.transfer (id, debit_account, credit_account, amount, currency, operation, reference,
        effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
    SELECT t.id, t.debit, t.credit, t.amount, p_currency, p_operation, p_reference, v_now, v_now, t.dv, t.db, t.cv, t.cb
    FROM unnest(p_ids, p_debits, p_credits, p_amounts, v_debit_versions, v_debit_balances, v_credit_versions,
        v_credit_balances) AS t (id, debit, credit, amount, dv, db, cv, cb);
    INSERT INTO bare.entry (account_id, version, transfer_id, amount, balance_after, posted_at)
    SELECT t.debit, t.dv, t.id, t.amount, t.db, v_now
    FROM unnest(p_ids, p_debits, p_amounts, v_debit_versions, v_debit_balances) AS t (id, debit, amount, dv, db)
    UNION ALL
    SELECT t.credit, t.cv, t.id, -t.amount, t.cb, v_now
    FROM unnest(p_ids, p_credits, p_amounts, v_credit_versions, v_credit_balances) AS t (id, credit, amount, cv, cb);
    UPDATE bare.account AS a
    SET debits_posted = a.debits_posted + m.debits, credits_posted = a.credits_posted + m.credits, version = n.version,
        last_posted_at = v_now
    FROM unnest(v_accounts, v_versions) AS n (id, version)
    JOIN (
        SELECT id, sum(debit) AS debits, sum(credit) AS credits FROM (
            SELECT debit AS id, amount AS debit, 0 AS credit FROM unnest(p_debits, p_amounts) AS t (debit, amount)
            UNION ALL SELECT credit, 0, amount FROM unnest(p_credits, p_amounts) AS t (credit, amount)
        ) AS side GROUP BY id
    ) AS m ON m.id = n.id
    WHERE a.id = n.id;
END
$$;
