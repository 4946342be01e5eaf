-- A batch's refusals stand among its transfers in the order in which they were decided: each transfer's number leaves
-- room on both sides for the refusals of the largest batch, so that none of them needs a number of its own.
ALTER SEQUENCE ledger.event_position INCREMENT BY 32768;

-- Write the refusals of a batch, whose transfers are written already. refused: what stands in ledger.refusal, as JSON;
-- beside and steps: a transfer that this transaction has written, and how far after it (before it, if negative) the
-- refusal was decided; of a batch that has none, null and the steps from its beginning.
-- With its owner's rights: positions are not the application's to choose, as one could hide a transfer's event.
CREATE FUNCTION ledger.write_refusals_v1(refused jsonb, decided_at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    written integer;
    start bigint := nextval('ledger.event_position');
BEGIN
    INSERT INTO ledger.refusal (transfer_id, debit_account, credit_account, amount, currency, operation, reference,
        group_id, effective_at, decided_at, rule, decision, source, numbers, position)
    SELECT r.transfer_id, r.debit_account, r.credit_account, r.amount, r.currency, r.operation, r.reference, r.group_id,
        r.effective_at, write_refusals_v1.decided_at, r.rule, r.decision, r.source, r.numbers,
        coalesce(t.position, start) + r.steps
    FROM jsonb_to_recordset(refused) AS r (transfer_id uuid, debit_account uuid, credit_account uuid, amount bigint,
        currency text, operation text, reference text, group_id uuid, effective_at timestamptz, rule text, decision text,
        source text, numbers jsonb, beside uuid, steps integer)
    LEFT JOIN ledger.transfer AS t ON t.id = r.beside AND t.xact = pg_current_xact_id()::text::bigint
    WHERE abs(r.steps) < 16384 AND (r.beside IS NULL OR (t.id IS NOT NULL AND r.steps <> 0));
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> jsonb_array_length(refused) THEN
        RAISE EXCEPTION 'ledger: a refusal does not stand beside a transfer of its own transaction'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_refusals_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.write_refusals_v1 TO emoney_app;
DROP FUNCTION ledger.write_decided_v4;

-- Write a batch that was decided on accounts as they were read, without a lock, before: all of it in one call, which is
-- a transaction of its own. Gives the number of the transaction; null, and writes nothing, where an account has changed
-- since, the batch that it follows was not written, or the first id was sent before; an error where another id was. The
-- caller then decides again, under locks.
--
-- accounts: those of the batch, in the order of their ids; written_by: the transaction that each was seen written by, 0
-- for last_transaction. Whoever changes an account, what it holds, or what was counted of it, writes its row.
-- attempt: a name for this call, never used again; follows: that of the call before, where the transaction that wrote its
-- batch is not known yet: it is then the last that this connection wrote, or nothing is written.
-- counted: the periods' rows that the batch leaves. decided: effective_at is null where it is posted_at.
-- refused: as ledger.write_refusals_v1 takes it.
CREATE FUNCTION ledger.write_decided_v5(
    accounts uuid[], written_by xid[], last_transaction xid, follows uuid, attempt uuid, claims uuid[],
    counted ledger.usage_row[], posted_at timestamptz, decided ledger.decided_row[], refused jsonb
) RETURNS xid
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    written_last text[] := string_to_array(current_setting('emoney.written', true), ' ');
BEGIN
    IF follows IS NOT NULL THEN
        IF written_last[1] IS DISTINCT FROM follows::text THEN
            RETURN NULL;
        END IF;
        last_transaction := written_last[2]::xid;
    END IF;

    IF (
        SELECT array_agg(locked.xmin) FROM (
            SELECT a.xmin FROM ledger.account AS a WHERE a.id = ANY(accounts) ORDER BY a.id FOR NO KEY UPDATE
        ) AS locked
    ) IS DISTINCT FROM array_replace(written_by, '0'::xid, last_transaction)
        OR EXISTS (SELECT FROM ledger.claim AS c WHERE c.id = claims[1])
    THEN
        RETURN NULL;
    END IF;

    INSERT INTO ledger.claim (id) SELECT sent.id FROM unnest(claims) AS sent (id) ORDER BY sent.id;

    IF cardinality(counted) > 0 THEN
        PERFORM ledger.store_usage_v2(counted);
    END IF;

    IF cardinality(decided) > 0 THEN
        INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
            effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
        SELECT t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id,
            coalesce(t.effective_at, write_decided_v5.posted_at), write_decided_v5.posted_at, t.debit_version,
            t.debit_balance, t.credit_version, t.credit_balance
        FROM unnest(decided) AS t;
    END IF;

    IF refused IS NOT NULL THEN
        PERFORM ledger.write_refusals_v1(refused, write_decided_v5.posted_at);
    END IF;

    PERFORM set_config('emoney.written', concat_ws(' ', attempt, pg_current_xact_id()::xid), false);
    RETURN pg_current_xact_id()::xid;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_decided_v5 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.write_decided_v5 TO emoney_app;
