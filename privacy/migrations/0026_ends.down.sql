ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation = 'privacy.release' AND version = 2;
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

ALTER TABLE privacy.release DROP COLUMN restricted;
DROP FUNCTION privacy.restricted_v1();
