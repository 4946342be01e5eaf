ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation IN ('privacy.purpose_list', 'privacy.opening_refusal');
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

DROP INDEX privacy.opening_at;
DROP TABLE privacy.opening_refusal, privacy.purpose_list, privacy.sealed_row;
DROP FUNCTION privacy.guard_sealed_row(), privacy.guard_sealed_row_end(),
    privacy.sealed_key_version(bytea), privacy.sealed_format(bytea);
