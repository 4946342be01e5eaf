DROP TABLE kyc.pack_acceptance;
