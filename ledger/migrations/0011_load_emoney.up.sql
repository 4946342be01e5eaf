-- E-money issued against e-money of another instrument or issuer: laws tell it from a load by bank or card.
INSERT INTO ledger.operation_number (operation, number) VALUES ('load_emoney', 24);

ALTER TABLE ledger.transfer DROP CONSTRAINT issue_needs_receipt;
ALTER TABLE ledger.transfer ADD CONSTRAINT issue_needs_receipt CHECK (
    reference IS NOT NULL OR operation NOT IN ('opening', 'load', 'load_card', 'load_emoney', 'remit_in')
);
