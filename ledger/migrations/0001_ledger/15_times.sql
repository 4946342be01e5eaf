-- When it happened, in the tables of the ledger: at no time that is far from this database's clock (05_times.sql). Transfers
-- and holds have bounds of their own. What lies in the past comes in by the import's right.
SELECT ledger.bound_times_v1(ARRAY[
    'ledger.account.opened_at', 'ledger.account_change.at', 'ledger.request.requested_at', 'ledger.request_decision.decided_at',
    'ledger.reversal.at', 'ledger.dispute.opened_at', 'ledger.dispute_outcome.at']);
