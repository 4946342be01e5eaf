DROP TRIGGER kept_version ON kyc.person;
DROP FUNCTION kyc.demand_kept_version_v1();
DROP TABLE kyc.person_version;
DROP FUNCTION kyc.demand_two_where_verified_v1();
DROP TABLE kyc.rectification;
ALTER TABLE kyc.person DROP COLUMN details_version;
