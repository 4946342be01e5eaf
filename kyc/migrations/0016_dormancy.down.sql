DROP TABLE kyc.death_step;
DROP TABLE kyc.death;
DROP TABLE kyc.dormancy_exemption;
DROP TABLE kyc.dormancy_step;
DROP TABLE kyc.dormancy;
