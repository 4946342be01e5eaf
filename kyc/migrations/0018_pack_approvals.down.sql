ALTER TABLE kyc.pack_acceptance
    DROP CONSTRAINT pack_acceptance_approved,
    DROP COLUMN approval_outcome,
    DROP COLUMN approval_subject,
    DROP COLUMN approval_action,
    DROP COLUMN approval_id;
