DROP TABLE ledger.reversal;
DROP FUNCTION ledger.check_reversal_v1();
DROP TRIGGER only_grows ON ledger.usage;
ALTER TABLE ledger.usage DROP COLUMN returned_amount, DROP COLUMN returned_count;
CREATE TRIGGER only_grows BEFORE UPDATE ON ledger.usage FOR EACH ROW
    WHEN (NEW.amount < OLD.amount OR NEW.count < OLD.count)
    EXECUTE FUNCTION ledger.refuse_decrease();
