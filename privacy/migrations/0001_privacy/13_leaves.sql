-- What of the above becomes leaves of the proof log (see ledger.leaf_source). salt: what a leaf commits to cannot be guessed
-- from it, nor shown to be about anyone once the row is gone. xact: which rows are new. Rows go by the newest version that
-- their table has.

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (32, 'privacy.key_event', 1, 'id', ARRAY[
        'salt uuid', 'subject uuid', 'version integer', 'kek text', 'event text', 'actor text', 'reason text',
        'happened_at time']),
    (33, 'privacy.opening', 1, 'id', ARRAY[
        'salt uuid', 'actor text', 'purpose text', 'table_name text', 'column_name text', 'row_id uuid',
        'subject uuid', 'opened_at time']),
    (34, 'privacy.purpose_list', 1, 'id', ARRAY[
        'assessment text', 'purposes json', 'approved_by text', 'approved_at time']),
    (35, 'privacy.opening_refusal', 1, 'id', ARRAY[
        'salt uuid', 'actor text', 'purpose text', 'reason text', 'fields integer', 'table_name text',
        'subject uuid', 'refused_at time']),
    (36, 'privacy.key_event', 2, 'id', ARRAY[
        'salt uuid', 'kind text', 'subject uuid', 'index_name text', 'version integer', 'kek text', 'event text',
        'actor text', 'reason text', 'happened_at time']),
    (40, 'privacy.data_request', 1, 'id', ARRAY[
        'salt uuid', 'subject uuid', 'subjects json', 'kind text', 'received_at time', 'recorded_by text']),
    (41, 'privacy.data_request_step', 1, 'id', ARRAY[
        'salt uuid', 'request_id uuid', 'number integer', 'state text', 'ground text', 'source text', 'keep_until json',
        'actor text', 'at time']),
    (42, 'privacy.restriction', 1, 'id', ARRAY[
        'salt uuid', 'subject uuid', 'number integer', 'purposes json', 'ground text', 'request_id uuid', 'actor text',
        'at time']),
    (43, 'privacy.legal_hold', 1, 'id', ARRAY[
        'salt uuid', 'hold_id uuid', 'number integer', 'subject uuid', 'reference text', 'actor text', 'at time']),
    (44, 'privacy.destruction_certificate', 1, 'id', ARRAY[
        'salt uuid', 'request_id uuid', 'content json', 'issued_at time']),
    (48, 'privacy.pseudonym_epoch', 1, 'id', ARRAY[
        'salt uuid', 'domain text', 'epoch integer', 'reversible json', 'started_by text', 'started_at time']),
    (51, 'privacy.reidentification', 1, 'request_id', ARRAY['salt uuid', 'subject uuid', 'disclosed_at time']),
    (52, 'privacy.release', 1, 'id', ARRAY[
        'salt uuid', 'plan text', 'plan_hash bytes', 'purpose text', 'domain text', 'epoch integer', 'records integer',
        'suppressed integer', 'k_wanted integer', 'k_reached integer', 'sensitive json', 'generalised json',
        'content_hash bytes', 'released_by text', 'released_at time']),
    (53, 'privacy.count_budget', 1, 'id', ARRAY[
        'salt uuid', 'name text', 'purpose text', 'epsilon json', 'opened_by text', 'opened_at time']),
    (54, 'privacy.published_count', 1, 'id', ARRAY[
        'salt uuid', 'budget text', 'question text', 'epsilon json', 'scale json', 'cells json', 'published_by text',
        'published_at time']),
    (56, 'privacy.release', 2, 'id', ARRAY[
        'salt uuid', 'plan text', 'plan_hash bytes', 'purpose text', 'domain text', 'epoch integer', 'records integer',
        'suppressed integer', 'restricted integer', 'k_wanted integer', 'k_reached integer', 'sensitive json',
        'generalised json', 'content_hash bytes', 'released_by text', 'released_at time']),
    (57, 'privacy.key_event', 3, 'id', ARRAY[
        'salt uuid', 'kind text', 'subject uuid', 'index_name text', 'domain text', 'version integer', 'kek text',
        'event text', 'actor text', 'reason text', 'happened_at time']),
    (58, 'privacy.destruction', 1, 'subject', ARRAY['salt uuid', 'request_id uuid', 'at time']),
    (59, 'privacy.key_event', 4, 'id', ARRAY[
        'salt uuid', 'kind text', 'subject uuid', 'index_name text', 'domain text', 'version integer', 'kek text',
        'event text', 'actor text', 'reason text', 'by_login text', 'happened_at time']),
    (60, 'privacy.legal_hold', 2, 'id', ARRAY[
        'salt uuid', 'hold_id uuid', 'number integer', 'subject uuid', 'reference text', 'request_id uuid', 'actor text',
        'at time']);
