-- A row per wallet and payee is dear: it is kept for the operations that some tier of the pack limits by payee.
-- Empty: for every operation.
ALTER TABLE ledger.limit_profile ADD COLUMN payee_operations jsonb NOT NULL DEFAULT '[]';
