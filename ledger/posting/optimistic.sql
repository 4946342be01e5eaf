-- name: write_decided
SELECT ledger.write_decided_v5(:accounts, :written_by, :last_transaction, :follows, :attempt, :claims, :counted, :posted_at, :decided, :refused);
