-- name: write_decided
SELECT ledger.write_decided_v1(:accounts, :written_by, :last_transaction, :follows, :attempt, :claims, :posted_at, :decided, :refused, :noted);
