-- What else of the above becomes leaves of the proof log (see ledger.leaf_source). salt, xact: as in 08_wallets.sql.

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (70, 'kyc.tier_override', 1, 'id', ARRAY[
        'salt uuid', 'account_id uuid', 'pack_id text', 'tier text', 'made_at time', 'until time', 'approval_id uuid']),
    (71, 'kyc.pack_acceptance', 1, 'id', ARRAY[
        'salt uuid', 'pack_id text', 'content_hash text', 'accepted_by text', 'accepted_at time', 'note text',
        'approval_id uuid']),
    (72, 'kyc.restriction_step', 1, 'id', ARRAY[
        'salt uuid', 'account_id uuid', 'step text', 'cause text', 'profile_id uuid', 'balance integer', 'cap integer',
        'next_at time', 'source text', 'made_at time']),
    (73, 'kyc.terms', 1, 'id', ARRAY[
        'salt uuid', 'kind text', 'version text', 'locale text', 'sha256 bytes', 'effective_from json',
        'published_by text', 'published_at time']),
    (74, 'kyc.dormancy_step', 1, 'id', ARRAY[
        'salt uuid', 'account_id uuid', 'stage text', 'transfer_id uuid', 'amount integer', 'source text', 'reason text',
        'made_by text', 'made_at time']);
