DROP INDEX kyc.wallet_pack;
DROP TABLE kyc.end_of_day_excess;
DROP TABLE kyc.end_of_day_run;
