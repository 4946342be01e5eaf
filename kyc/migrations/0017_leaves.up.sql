-- Tier decisions become leaves of the proof log (ledger.leaf_source). salt: what a leaf commits to cannot be guessed
-- from it, nor shown to be about anyone once the row is gone. xact and salt are left to the database.
ALTER TABLE kyc.tier_decision
    ADD COLUMN xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    ADD COLUMN salt uuid NOT NULL DEFAULT gen_random_uuid();

CREATE INDEX tier_decision_xact ON kyc.tier_decision
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

REVOKE INSERT ON kyc.tier_decision FROM emoney_app;
GRANT INSERT (id, account_id, pack_id, tier, profile_id, because, evidence, decided_at)
    ON kyc.tier_decision TO emoney_app;

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (64, 'kyc.tier_decision', 1, 'id', ARRAY[
        'salt uuid', 'account_id uuid', 'pack_id text', 'tier text', 'profile_id uuid', 'because text',
        'evidence json', 'decided_at time']);
