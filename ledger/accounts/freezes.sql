-- name: standing
SELECT kind, debit, credit, actor, reason, since FROM ledger.account_freeze WHERE account_id = :account ORDER BY kind;
