DROP TABLE kyc.consent;
DROP TABLE kyc.terms;
DROP TABLE kyc.review_done;
DROP TABLE kyc.review;
DROP TABLE kyc.risk_rating;
