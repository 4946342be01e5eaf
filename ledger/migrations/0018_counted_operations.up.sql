-- What no rule of any tier measures need not be counted: by direction and operation. Empty: everything.
ALTER TABLE ledger.limit_profile ADD COLUMN counted_operations jsonb NOT NULL DEFAULT '[]';
