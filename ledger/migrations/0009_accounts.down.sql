DROP TABLE ledger.account_metadata, ledger.account_parent, ledger.account_change;
DROP FUNCTION ledger.change_account_v1(), ledger.check_parent_v1(ledger.account, uuid);
ALTER TABLE ledger.account DROP COLUMN ceiling, DROP CONSTRAINT account_closed;
GRANT UPDATE (frozen_debit, frozen_credit, closed_at) ON ledger.account TO emoney_app;
