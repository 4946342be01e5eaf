-- Which transfer gives back which, and why.
CREATE TABLE ledger.reversal (
    transfer_id uuid PRIMARY KEY REFERENCES ledger.transfer (id),
    original_id uuid NOT NULL REFERENCES ledger.transfer (id),
    amount bigint NOT NULL CHECK (amount > 0),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);
CREATE INDEX reversal_original ON ledger.reversal (original_id);

-- What is given back: out of each window that the original was counted in. The counters themselves only grow.
ALTER TABLE ledger.usage
    ADD COLUMN returned_amount bigint NOT NULL DEFAULT 0 CHECK (returned_amount BETWEEN 0 AND amount),
    ADD COLUMN returned_count bigint NOT NULL DEFAULT 0 CHECK (returned_count BETWEEN 0 AND count);

-- A reversal mirrors its original and, with all others of it, never passes its amount. Both accounts are locked by
-- the posting of the transfer, so reversals of one transfer come one after the other.
CREATE FUNCTION ledger.check_reversal_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM ledger.transfer AS o JOIN ledger.transfer AS t ON t.id = NEW.transfer_id
    WHERE o.id = NEW.original_id
      AND (t.debit_account, t.credit_account, t.currency, t.amount)
        = (o.credit_account, o.debit_account, o.currency, NEW.amount)
      AND t.operation IN ('refund', 'reversal') AND o.operation NOT IN ('refund', 'reversal')
      AND (SELECT sum(r.amount) FROM ledger.reversal AS r WHERE r.original_id = o.id) <= o.amount;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: transfer % does not give back %', NEW.transfer_id, NEW.original_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER check_reversal AFTER INSERT ON ledger.reversal
    FOR EACH ROW EXECUTE FUNCTION ledger.check_reversal_v1();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reversal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

DROP TRIGGER only_grows ON ledger.usage;
CREATE TRIGGER only_grows BEFORE UPDATE ON ledger.usage FOR EACH ROW
    WHEN (NEW.amount < OLD.amount OR NEW.count < OLD.count
        OR NEW.returned_amount < OLD.returned_amount OR NEW.returned_count < OLD.returned_count)
    EXECUTE FUNCTION ledger.refuse_decrease();

GRANT SELECT ON ledger.reversal TO emoney_app;
GRANT INSERT (transfer_id, original_id, amount, reason, at) ON ledger.reversal TO emoney_app;
GRANT UPDATE (returned_amount, returned_count) ON ledger.usage TO emoney_app;
