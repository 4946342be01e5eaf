DROP TABLE ledger.safeguarding_event, ledger.reconciliation_item, ledger.reconciliation_account,
    ledger.reconciliation_total, ledger.reconciliation, ledger.bank_entry, ledger.bank_statement;
DROP FUNCTION ledger.check_bank_statement_v1();
