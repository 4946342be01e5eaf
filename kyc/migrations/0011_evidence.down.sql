DROP TRIGGER next_state ON kyc.evidence;
DROP TRIGGER no_removal ON kyc.evidence;
DROP TRIGGER keep_first_state ON kyc.evidence;
DROP TRIGGER keep_state ON kyc.evidence;
DROP FUNCTION kyc.demand_next_state_v1();
DROP FUNCTION kyc.keep_evidence_state_v1();
DROP TABLE kyc.evidence_state;
DROP INDEX kyc.evidence_expiring;
REVOKE UPDATE ON kyc.evidence FROM emoney_app;
ALTER TABLE kyc.evidence
    DROP CONSTRAINT evidence_approved,
    DROP CONSTRAINT evidence_verified_by,
    DROP CONSTRAINT evidence_state_known,
    DROP COLUMN approval_outcome,
    DROP COLUMN approval_action,
    DROP COLUMN approval_id,
    DROP COLUMN provider,
    DROP COLUMN because,
    DROP COLUMN recorded_by,
    DROP COLUMN expires_on,
    DROP COLUMN assurance,
    DROP COLUMN number;
-- the older schema knows evidence that counts, and no other
DELETE FROM kyc.evidence WHERE state NOT IN ('captured', 'verified', 'registry_verified');
UPDATE kyc.evidence SET state = 'captured';
ALTER TABLE kyc.evidence ADD CONSTRAINT evidence_state_check CHECK (state IN ('captured', 'implied'));
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.evidence
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
