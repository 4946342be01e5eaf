-- Roles are privacy's and the ledger's, and go with them.
DROP SCHEMA kyc CASCADE;

ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation IN ('kyc.tier_decision', 'kyc.wallet_features');
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;
