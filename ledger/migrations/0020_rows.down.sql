DROP FUNCTION ledger.look_v1;
DROP FUNCTION ledger.write_decided_v3;
DROP FUNCTION ledger.store_usage_v2;
DROP TYPE ledger.decided_row;
DROP TYPE ledger.usage_row;

DROP TRIGGER only_grows ON ledger.usage;
CREATE TRIGGER only_grows BEFORE UPDATE ON ledger.usage FOR EACH ROW
    WHEN (NEW.moved < OLD.moved OR NEW.returned < OLD.returned)
    EXECUTE FUNCTION ledger.refuse_decrease();

-- Store rows of usage, of any periods: usage_new tells which are not there yet. Found by the whole key only: a plan made
-- while the table was small, and kept for as long as the connection, must not go through all wallets of a period.
CREATE FUNCTION ledger.store_usage_v1(
    usage_scopes uuid[], usage_starts date[], usage_spans text[], usage_totals bytea[], usage_days bytea[],
    usage_moved bigint[], usage_returned bigint[], usage_new boolean[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
BEGIN
    IF false = ANY(usage_new) THEN
        WITH n AS MATERIALIZED (
            SELECT * FROM unnest(usage_scopes, usage_starts, usage_spans, usage_totals, usage_days, usage_moved,
                                 usage_returned, usage_new)
                AS sent (scope_id, starts_on, span, totals, days, moved, returned, is_new)
            WHERE NOT sent.is_new
        )
        UPDATE ledger.usage AS u
        SET totals = n.totals, days = n.days, moved = n.moved, returned = n.returned
        FROM n
        WHERE u.scope_id = n.scope_id AND u.starts_on = n.starts_on AND u.span = n.span;
    END IF;
    IF true = ANY(usage_new) THEN
        INSERT INTO ledger.usage (scope_id, starts_on, span, totals, days, moved, returned)
        SELECT n.scope_id, n.starts_on, n.span, n.totals, n.days, n.moved, n.returned
        FROM unnest(usage_scopes, usage_starts, usage_spans, usage_totals, usage_days, usage_moved, usage_returned, usage_new)
            AS n (scope_id, starts_on, span, totals, days, moved, returned, is_new)
        WHERE n.is_new;
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.store_usage_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.store_usage_v1 TO emoney_app;

-- Write a batch that was decided on accounts as they were read, without a lock, before: all of it in one call, which is
-- a transaction of its own. Gives the number of the transaction; null, and writes nothing, where an account has changed
-- since or no id is new. The caller then decides again, under locks; so he does after any error.
--
-- accounts: those of the batch, in the order of their ids; written_by: the transaction that each was seen written by, 0
-- for last_transaction. Whoever changes an account, what it holds, or what was counted of it, writes its row.
-- usage_*: the periods' rows that the batch leaves, usage_new: whether there was none. transfers: effective_at is null
-- where it is posted_at. refused: what stands in ledger.refusal, as JSON.
CREATE FUNCTION ledger.write_decided_v2(
    accounts uuid[], written_by xid[], last_transaction xid,
    claim_ids uuid[],
    usage_scopes uuid[], usage_starts date[], usage_spans text[], usage_totals bytea[], usage_days bytea[],
    usage_moved bigint[], usage_returned bigint[], usage_new boolean[],
    posted_at timestamptz, ids uuid[], debit_accounts uuid[], credit_accounts uuid[], amounts bigint[], currencies text[],
    operations text[], reference_texts text[], group_ids uuid[], effective_ats timestamptz[], debit_versions bigint[],
    debit_balances bigint[], credit_versions bigint[], credit_balances bigint[],
    refused jsonb
) RETURNS xid
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    claimed bigint;
BEGIN
    IF (
        SELECT array_agg(locked.xmin) FROM (
            SELECT a.xmin FROM ledger.account AS a WHERE a.id = ANY(accounts) ORDER BY a.id FOR NO KEY UPDATE
        ) AS locked
    ) IS DISTINCT FROM array_replace(written_by, '0'::xid, last_transaction) THEN
        RETURN NULL;
    END IF;

    INSERT INTO ledger.claim (id)
    SELECT sent.id FROM unnest(claim_ids) AS sent (id) ORDER BY sent.id
    ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS claimed = ROW_COUNT;
    IF claimed = 0 THEN
        RETURN NULL;
    ELSIF claimed < cardinality(claim_ids) THEN
        RAISE EXCEPTION 'ledger: % of % transfers were sent before', cardinality(claim_ids) - claimed, cardinality(claim_ids)
            USING ERRCODE = 'serialization_failure';
    END IF;

    IF cardinality(usage_scopes) > 0 THEN
        PERFORM ledger.store_usage_v1(usage_scopes, usage_starts, usage_spans, usage_totals, usage_days, usage_moved,
                                      usage_returned, usage_new);
    END IF;

    IF cardinality(ids) > 0 THEN
        INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
            effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
        SELECT t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id,
            coalesce(t.effective_at, write_decided_v2.posted_at),
            write_decided_v2.posted_at, t.debit_version, t.debit_balance, t.credit_version, t.credit_balance
        FROM unnest(ids, debit_accounts, credit_accounts, amounts, currencies, operations, reference_texts, group_ids,
                    effective_ats, debit_versions, debit_balances, credit_versions, credit_balances)
            AS t (id, debit_account, credit_account, amount, currency, operation, reference, group_id, effective_at,
                  debit_version, debit_balance, credit_version, credit_balance);
    END IF;

    IF refused IS NOT NULL THEN
        INSERT INTO ledger.refusal (transfer_id, debit_account, credit_account, amount, currency, operation, reference,
            group_id, effective_at, decided_at, rule, decision, source, numbers)
        SELECT r.transfer_id, r.debit_account, r.credit_account, r.amount, r.currency, r.operation, r.reference, r.group_id,
            coalesce(r.effective_at, write_decided_v2.posted_at), write_decided_v2.posted_at, r.rule, r.decision, r.source,
            r.numbers
        FROM jsonb_to_recordset(refused) AS r (transfer_id uuid, debit_account uuid, credit_account uuid, amount bigint,
            currency text, operation text, reference text, group_id uuid, effective_at timestamptz, rule text, decision text,
            source text, numbers jsonb);
    END IF;
    RETURN pg_current_xact_id()::xid;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.write_decided_v2 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.write_decided_v2 TO emoney_app;
