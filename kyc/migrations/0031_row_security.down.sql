-- Without policies the rows of all packs would be open to KYC readers.
REVOKE ALL ON ALL TABLES IN SCHEMA kyc FROM emoney_kyc_reader;
DO $$
DECLARE
    it record;
BEGIN
    FOR it IN SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'kyc' LOOP
        EXECUTE format('DROP POLICY %I ON kyc.%I', it.policyname, it.tablename);
        EXECUTE format('ALTER TABLE kyc.%I DISABLE ROW LEVEL SECURITY', it.tablename);
    END LOOP;
END
$$;
DROP FUNCTION kyc.subjects_given_v1(), kyc.evidence_given_v1(), kyc.accounts_given_v1(), kyc.persons_given_v1(),
    kyc.everyone_given_v1();
