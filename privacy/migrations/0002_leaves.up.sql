-- Key events and openings become leaves of the proof log (ledger.leaf_source). salt: what a leaf commits to cannot be
-- guessed from it, nor shown to be about anyone once the row is gone. xact and salt are left to the database.
ALTER TABLE privacy.key_event
    ADD COLUMN xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    ADD COLUMN salt uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE privacy.opening
    ADD COLUMN xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    ADD COLUMN salt uuid NOT NULL DEFAULT gen_random_uuid();

CREATE INDEX key_event_xact ON privacy.key_event USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX opening_xact ON privacy.opening USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

REVOKE INSERT ON privacy.key_event, privacy.opening FROM emoney_app;
GRANT INSERT (id, subject, version, kek, event, actor, reason, happened_at) ON privacy.key_event TO emoney_app;
GRANT INSERT (id, actor, purpose, table_name, column_name, row_id, subject, opened_at)
    ON privacy.opening TO emoney_app;

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (32, 'privacy.key_event', 1, 'id', ARRAY[
        'salt uuid', 'subject uuid', 'version integer', 'kek text', 'event text', 'actor text', 'reason text',
        'happened_at time']),
    (33, 'privacy.opening', 1, 'id', ARRAY[
        'salt uuid', 'actor text', 'purpose text', 'table_name text', 'column_name text', 'row_id uuid',
        'subject uuid', 'opened_at time']);
