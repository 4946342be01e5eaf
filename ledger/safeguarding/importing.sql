-- name: lock_account
-- For as long as the transaction lasts, and beside postings, which take another lock.
SELECT pg_advisory_xact_lock(hashtextextended('ledger.bank_statement/' || :account::text, 0));

-- name: known
SELECT id, content_hash FROM ledger.bank_statement WHERE account_id = :account AND statement_ref = :ref;

-- name: other_bank_account
-- A statement of the same safeguarding account that names another account at the bank. Each format has its own way
-- of naming an account, so only statements of one format are compared.
SELECT bank_account FROM ledger.bank_statement
WHERE account_id = :account AND format = :format AND bank_account <> :bank_account
LIMIT 1;

-- name: twin
-- A statement of the same day, balances and number of entries.
SELECT statement_ref FROM ledger.bank_statement
WHERE account_id = :account AND closing_on = :closing_on AND opening_balance = :opening
  AND closing_balance = :closing AND entries = :entries
LIMIT 1;

-- name: add_statement!
INSERT INTO ledger.bank_statement (id, account_id, statement_ref, format, bank_account, currency, sequence,
    opening_on, closing_on, opening_balance, closing_balance, entries, content_hash, imported_at)
VALUES (:id, :account, :ref, :format, :bank_account, :currency, :sequence, :opening_on, :closing_on, :opening,
        :closing, :entries, :content_hash, :imported_at);

-- name: copy_entries!
COPY ledger.bank_entry (statement_id, number, booked_on, amount, reference, bank_reference) FROM STDIN;
