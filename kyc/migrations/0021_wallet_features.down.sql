ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation = 'kyc.wallet_features';
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

DROP TABLE kyc.wallet_features;
DROP FUNCTION kyc.demand_next_features_v1();
