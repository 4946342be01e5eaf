ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation = 'ledger.account_change';
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;
DROP INDEX ledger.account_change_xact;
ALTER TABLE ledger.account_change DROP COLUMN id;
