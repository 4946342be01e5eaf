-- Until here no row could be removed. From here on rows about a person go when that person is erased: in the transaction
-- that privacy.destruction allows, and in no other (privacy.guard_removal_v1). What is about an account stays, and
-- forgets whose the account is.

DO $$
DECLARE
    it record;
    columns text;
BEGIN
    FOR it IN
        SELECT * FROM (VALUES
            ('person', '{}'::text[], ARRAY['id']),
            ('evidence', ARRAY['no_removal'], ARRAY['person_id']),
            ('ownership_statement', ARRAY['append_only'], ARRAY['entity_id']),
            ('guardianship', ARRAY['no_removal'], ARRAY['minor_id', 'guardian_id']),
            ('duplicate', ARRAY['append_only'], ARRAY['person_a', 'person_b']),
            ('duplicate_decision', ARRAY['append_only'], ARRAY['person_a', 'person_b']),
            ('person_link', ARRAY['append_only'], ARRAY['person_id', 'into_id']),
            ('risk_rating', ARRAY['append_only'], ARRAY['person_id']),
            ('review', '{}'::text[], ARRAY['person_id']),
            ('review_done', ARRAY['append_only'], ARRAY['person_id']),
            ('consent', ARRAY['append_only'], ARRAY['person_id']),
            ('death', '{}'::text[], ARRAY['person_id']),
            ('rectification', ARRAY['no_removal'], ARRAY['person_id']),
            ('person_version', ARRAY['no_removal'], ARRAY['person_id']),
            ('death_step', ARRAY['append_only'], ARRAY['person_id']),
            ('approval_request', ARRAY['append_only'], ARRAY['subject']),
            ('approval_decision', ARRAY['append_only'], ARRAY['subject'])
        ) AS t (name, guards, subjects)
    LOOP
        IF it.guards = ARRAY['append_only'] THEN
            EXECUTE format('DROP TRIGGER append_only ON kyc.%I', it.name);
            EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', it.name);
        ELSE
            EXECUTE format('DROP TRIGGER IF EXISTS no_removal ON kyc.%I', it.name);
            EXECUTE format('CREATE TRIGGER no_removal BEFORE TRUNCATE ON kyc.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()', it.name);
        END IF;
        SELECT string_agg(quote_literal(each), ', ') INTO columns FROM unnest(it.subjects) AS each;
        EXECUTE format('CREATE TRIGGER removal BEFORE DELETE ON kyc.%I
                        FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_v1(%s)', it.name, columns);
        EXECUTE format('GRANT DELETE ON kyc.%I TO emoney_app', it.name);
    END LOOP;
END
$$;

-- Approvals are about persons, accounts, evidence or corrections. Those about the last two may go once these have gone,
-- which is when their person is erased: they refer to their approval, so they go first.
DROP TRIGGER removal ON kyc.approval_request;
DROP TRIGGER removal ON kyc.approval_decision;
CREATE FUNCTION kyc.guard_removal_of_approval_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF privacy.being_erased(OLD.subject)
        OR (OLD.action = 'evidence_acceptance' AND NOT EXISTS (SELECT FROM kyc.evidence AS e WHERE e.id = OLD.subject))
        OR (OLD.action = 'rectification'
            AND NOT EXISTS (SELECT FROM kyc.rectification AS r WHERE r.id = OLD.subject))
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'rows of kyc.% are removed only when a person they are about is erased', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER removal BEFORE DELETE ON kyc.approval_request
    FOR EACH ROW EXECUTE FUNCTION kyc.guard_removal_of_approval_v1();
CREATE TRIGGER removal BEFORE DELETE ON kyc.approval_decision
    FOR EACH ROW EXECUTE FUNCTION kyc.guard_removal_of_approval_v1();

-- Rows below evidence and statements.
DROP TRIGGER append_only ON kyc.evidence_state;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.evidence_state
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.evidence_state
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_below_v1('evidence_id', 'kyc.evidence', 'id', 'person_id');
GRANT DELETE ON kyc.evidence_state TO emoney_app;
DROP TRIGGER append_only ON kyc.ownership;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON kyc.ownership
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER removal BEFORE DELETE ON kyc.ownership
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_removal_below_v1('statement_id', 'kyc.ownership_statement', 'id', 'entity_id');
GRANT DELETE ON kyc.ownership TO emoney_app;

-- Accounts forget whose they are.
GRANT UPDATE (person_id) ON kyc.wallet TO emoney_app;
CREATE TRIGGER forgetting BEFORE UPDATE OF person_id ON kyc.wallet
    FOR EACH ROW WHEN (OLD.person_id IS DISTINCT FROM NEW.person_id)
    EXECUTE FUNCTION privacy.guard_forgetting_v1('person_id');
ALTER TABLE kyc.business_account ALTER COLUMN person_id DROP NOT NULL;
DROP TRIGGER append_only ON kyc.business_account;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON kyc.business_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER forgetting BEFORE UPDATE ON kyc.business_account
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_forgetting_v1('person_id');
GRANT UPDATE (person_id) ON kyc.business_account TO emoney_app;
