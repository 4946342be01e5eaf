ALTER TABLE ledger.transfer DROP CONSTRAINT issue_needs_receipt;
ALTER TABLE ledger.transfer ADD CONSTRAINT issue_needs_receipt CHECK (
    reference IS NOT NULL OR operation NOT IN ('opening', 'load', 'load_card', 'remit_in')
);

DELETE FROM ledger.operation_number WHERE operation = 'load_emoney';
