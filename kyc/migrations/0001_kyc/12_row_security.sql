-- Row-level security on every table whose rows are about a person: KYC readers read the tables themselves, and of each
-- the rows of their packs. Which columns, is a matter of grants (data/privileges.yaml). The owner stands above the
-- policies, and so do foreign keys and functions that run with the owner's rights.

-- What the login at hand was given. session_user is who logged in, whatever role they have since taken. A reader has no
-- right to privacy.reader_pack, so these run with their owner's rights; they take no arguments, and tell a reader
-- nothing but what it may see. In a policy each is asked once a query, not once a row.
CREATE FUNCTION kyc.everyone_given_v1() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM privacy.reader_pack AS given WHERE given.reader = session_user AND given.pack_id = '*')
$$;

CREATE FUNCTION kyc.persons_given_v1() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT wallet.person_id
    FROM kyc.wallet AS wallet JOIN privacy.reader_pack AS given ON given.pack_id = wallet.pack_id
    WHERE given.reader = session_user AND wallet.person_id IS NOT NULL
$$;

CREATE FUNCTION kyc.accounts_given_v1() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT wallet.account_id
    FROM kyc.wallet AS wallet JOIN privacy.reader_pack AS given ON given.pack_id = wallet.pack_id
    WHERE given.reader = session_user
$$;

CREATE FUNCTION kyc.evidence_given_v1() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT evidence.id
    FROM kyc.evidence AS evidence
    JOIN kyc.wallet AS wallet ON wallet.person_id = evidence.person_id
    JOIN privacy.reader_pack AS given ON given.pack_id = wallet.pack_id
    WHERE given.reader = session_user
$$;

-- Persons and accounts.
CREATE FUNCTION kyc.subjects_given_v1() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT given FROM kyc.persons_given_v1() AS given UNION ALL SELECT given FROM kyc.accounts_given_v1() AS given
$$;

REVOKE EXECUTE ON FUNCTION kyc.everyone_given_v1(), kyc.persons_given_v1(), kyc.accounts_given_v1(),
    kyc.evidence_given_v1(), kyc.subjects_given_v1() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kyc.everyone_given_v1(), kyc.persons_given_v1(), kyc.accounts_given_v1(),
    kyc.evidence_given_v1(), kyc.subjects_given_v1() TO emoney_kyc_reader;

-- Each table, and how a row leads to a wallet: all of the columns must lead to one that was given. What holds rows back
-- is restrictive: a login that is a KYC reader and an auditor as well does not see more rows for that.
DO $$
DECLARE
    it record;
    leads text;
BEGIN
    FOR it IN
        SELECT * FROM (VALUES
            ('business_account', 'persons', ARRAY['person_id']),
            ('consent', 'persons', ARRAY['person_id']),
            ('death', 'persons', ARRAY['person_id']),
            ('death_step', 'persons', ARRAY['person_id']),
            ('dormancy', 'accounts', ARRAY['account_id']),
            ('dormancy_exemption', 'accounts', ARRAY['account_id']),
            ('dormancy_step', 'accounts', ARRAY['account_id']),
            ('duplicate', 'persons', ARRAY['person_a', 'person_b']),
            ('duplicate_decision', 'persons', ARRAY['person_a', 'person_b']),
            ('end_of_day_excess', 'accounts', ARRAY['account_id']),
            ('evidence', 'persons', ARRAY['person_id']),
            ('evidence_state', 'evidence', ARRAY['evidence_id']),
            ('guardianship', 'persons', ARRAY['minor_id']),
            ('ownership_statement', 'persons', ARRAY['entity_id']),
            ('person', 'persons', ARRAY['id']),
            ('person_link', 'persons', ARRAY['person_id', 'into_id']),
            ('person_version', 'persons', ARRAY['person_id']),
            ('rectification', 'persons', ARRAY['person_id']),
            ('restriction_step', 'accounts', ARRAY['account_id']),
            ('review', 'persons', ARRAY['person_id']),
            ('review_done', 'persons', ARRAY['person_id']),
            ('risk_rating', 'persons', ARRAY['person_id']),
            ('tier_decision', 'accounts', ARRAY['account_id']),
            ('tier_override', 'accounts', ARRAY['account_id']),
            ('wallet', 'accounts', ARRAY['account_id']),
            ('wallet_features', 'accounts', ARRAY['account_id'])
        ) AS t (name, lead, columns)
    LOOP
        SELECT string_agg(format('%I IN (SELECT given FROM kyc.%I() AS given)', each, it.lead || '_given_v1'), ' AND ')
        INTO leads
        FROM unnest(it.columns) AS each;
        EXECUTE format('ALTER TABLE kyc.%I ENABLE ROW LEVEL SECURITY', it.name);
        EXECUTE format('CREATE POLICY application ON kyc.%I TO emoney_app USING (true) WITH CHECK (true)', it.name);
        EXECUTE format('CREATE POLICY readers ON kyc.%I FOR SELECT
                        TO emoney_kyc_reader, emoney_analyst, emoney_auditor USING (true)', it.name);
        EXECUTE format('CREATE POLICY given_packs ON kyc.%I AS RESTRICTIVE FOR SELECT TO emoney_kyc_reader
                        USING ((SELECT kyc.everyone_given_v1()) OR (%s))', it.name, leads);
    END LOOP;
END
$$;

-- Requests and decisions are the ledger's. Those without a subject are about keys and pseudonyms, and no KYC reader's.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['request', 'request_decision'] LOOP
        EXECUTE format('ALTER TABLE ledger.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY application ON ledger.%I TO emoney_app USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY readers ON ledger.%I FOR SELECT
                        TO emoney_kyc_reader, emoney_analyst, emoney_auditor USING (true)', name);
        EXECUTE format('CREATE POLICY given_packs ON ledger.%I AS RESTRICTIVE FOR SELECT TO emoney_kyc_reader
                        USING (subject IS NOT NULL AND ((SELECT kyc.everyone_given_v1())
                               OR subject IN (SELECT given FROM kyc.subjects_given_v1() AS given)))', name);
    END LOOP;
END
$$;

-- So are the freezes that stand.
ALTER TABLE ledger.account_freeze ENABLE ROW LEVEL SECURITY;
CREATE POLICY application ON ledger.account_freeze TO emoney_app USING (true) WITH CHECK (true);
CREATE POLICY readers ON ledger.account_freeze FOR SELECT
    TO emoney_kyc_reader, emoney_analyst, emoney_auditor USING (true);
CREATE POLICY given_packs ON ledger.account_freeze AS RESTRICTIVE FOR SELECT TO emoney_kyc_reader
    USING ((SELECT kyc.everyone_given_v1()) OR account_id IN (SELECT given FROM kyc.accounts_given_v1() AS given));
