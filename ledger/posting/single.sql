-- name: write_one
SELECT ledger.write_one_v1(:debit_written_by, :credit_written_by, :posted_at, :decided, :noted);
