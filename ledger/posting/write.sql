-- name: insert_transfers!
INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
    effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance) VALUES

-- name: copy_transfers!
COPY ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference, group_id,
    effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance) FROM STDIN (FORMAT BINARY);

-- name: write_refusals
SELECT ledger.write_refusals_v1(:refused, :at);

-- name: write_notes
SELECT ledger.write_notes_v1(:noted);
