ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation IN ('privacy.key_event', 'privacy.opening');
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

ALTER TABLE privacy.key_event DROP COLUMN xact, DROP COLUMN salt;
ALTER TABLE privacy.opening DROP COLUMN xact, DROP COLUMN salt;
GRANT INSERT ON privacy.key_event, privacy.opening TO emoney_app;
