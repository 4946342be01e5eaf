ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation = 'kyc.person_version';
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

DROP TRIGGER kept_version ON kyc.person;
DROP FUNCTION kyc.demand_kept_version_v1();
DROP TABLE kyc.person_version;
DROP FUNCTION kyc.demand_two_where_verified_v1();
DROP TABLE kyc.rectification;
ALTER TABLE kyc.person DROP COLUMN details_version;
