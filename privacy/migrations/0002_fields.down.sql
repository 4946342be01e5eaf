DROP INDEX privacy.opening_at;
DROP TABLE privacy.opening_refusal, privacy.purpose_list, privacy.sealed_row;
DROP FUNCTION privacy.guard_sealed_row(), privacy.guard_sealed_row_end(),
    privacy.sealed_key_version(bytea), privacy.sealed_format(bytea);
