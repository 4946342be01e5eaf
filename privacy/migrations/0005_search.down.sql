DROP TABLE privacy.index_leakage, privacy.index_entry, privacy.index_key;
DROP FUNCTION privacy.guard_index_key();
