-- name: write_decided
SELECT ledger.write_decided_v4(:accounts, :written_by, :last_transaction, :follows, :attempt, :claims, :counted, :posted_at, :decided, :refused);
