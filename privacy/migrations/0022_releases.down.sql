ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source
WHERE relation IN ('privacy.release', 'privacy.count_budget', 'privacy.published_count');
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

DROP FUNCTION privacy.publish_count_v1(uuid, text, text, numeric, double precision, jsonb, text, timestamptz);
DROP FUNCTION privacy.open_budget_v1(uuid, text, text, numeric, text, timestamptz);
DROP TABLE privacy.published_count;
DROP TABLE privacy.count_spent;
DROP FUNCTION privacy.guard_count_spent();
DROP TABLE privacy.count_budget;
DROP TABLE privacy.release;
