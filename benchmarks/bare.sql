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
