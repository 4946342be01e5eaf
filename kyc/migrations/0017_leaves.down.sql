ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation = 'kyc.tier_decision';
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

ALTER TABLE kyc.tier_decision DROP COLUMN xact, DROP COLUMN salt;
GRANT INSERT ON kyc.tier_decision TO emoney_app;
