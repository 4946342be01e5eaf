ALTER TABLE ledger.limit_profile DROP COLUMN payee_operations;
