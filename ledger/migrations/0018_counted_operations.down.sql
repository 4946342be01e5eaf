ALTER TABLE ledger.limit_profile DROP COLUMN counted_operations;
