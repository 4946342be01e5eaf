-- name: write_decided
SELECT ledger.write_decided_v2(:accounts, :written_by, :last_transaction::text::xid, :claim_ids,
    :usage_scopes, :usage_starts, :usage_spans, :usage_totals, :usage_days, :usage_moved, :usage_returned, :usage_new,
    :posted_at, :ids, :debit_accounts, :credit_accounts, :amounts, :currencies, :operations, :reference_texts, :group_ids,
    :effective_ats, :debit_versions, :debit_balances, :credit_versions, :credit_balances, :refused::jsonb);
