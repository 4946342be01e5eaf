DROP TABLE kyc.person_link;
DROP FUNCTION kyc.follow_link_v1();
DROP TABLE kyc.duplicate_decision;
DROP TABLE kyc.duplicate;
DROP TABLE kyc.fingerprint;
DROP TABLE kyc.fingerprint_key;
DROP INDEX kyc.person_enrolled;
DROP INDEX kyc.person_holder;
ALTER TABLE kyc.person DROP COLUMN holder_id;
