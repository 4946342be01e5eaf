DO $$
DECLARE
    it record;
BEGIN
    FOR it IN
        SELECT * FROM (VALUES
            ('person', false), ('evidence', NULL), ('ownership_statement', true), ('guardianship', NULL),
            ('duplicate', true), ('duplicate_decision', true), ('person_link', true), ('risk_rating', true),
            ('review', false), ('review_done', true), ('consent', true), ('death', false), ('rectification', NULL), ('person_version', NULL), ('death_step', true),
            ('approval_request', true), ('approval_decision', true), ('evidence_state', true), ('ownership', true)
        ) AS t (name, append_only)
    LOOP
        EXECUTE format('DROP TRIGGER removal ON kyc.%I', it.name);
        EXECUTE format('REVOKE DELETE ON kyc.%I FROM emoney_app', it.name);
        IF it.append_only THEN
            EXECUTE format('DROP TRIGGER append_only ON kyc.%I', it.name);
            EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', it.name);
        ELSE
            EXECUTE format('DROP TRIGGER no_removal ON kyc.%I', it.name);
        END IF;
        IF it.append_only IS NULL THEN
            EXECUTE format('CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON kyc.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', it.name);
        END IF;
    END LOOP;
END
$$;
DROP FUNCTION kyc.guard_removal_of_approval_v1();

REVOKE UPDATE (person_id) ON kyc.wallet FROM emoney_app;
DROP TRIGGER forgetting ON kyc.wallet;
DROP TRIGGER forgetting ON kyc.business_account;
DROP TRIGGER append_only ON kyc.business_account;
REVOKE UPDATE (person_id) ON kyc.business_account FROM emoney_app;
-- an account whose person was erased stays one that is nobody's
DELETE FROM kyc.business_account WHERE person_id IS NULL;
ALTER TABLE kyc.business_account ALTER COLUMN person_id SET NOT NULL;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.business_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
