DROP TABLE kyc.approval_decision;
DROP TABLE kyc.approval_request;
DROP DOMAIN kyc.actor;
