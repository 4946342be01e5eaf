-- name: write_decided
SELECT ledger.write_decided_v3(:accounts, :written_by, :last_transaction, :claims, :counted, :posted_at, :decided, :refused);
