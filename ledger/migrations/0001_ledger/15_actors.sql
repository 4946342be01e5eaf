-- Who acted, in the tables of the ledger: compared with the login where that is an officer's, or the name is.
SELECT ledger.compare_actors_v1(ARRAY[
    'ledger.account_change.actor', 'ledger.clock_policy.actor', 'ledger.closed_period.actor', 'ledger.dispute.actor',
    'ledger.dispute_outcome.actor', 'ledger.receipt.actor', 'ledger.receipt_match.actor', 'ledger.receipt_policy.actor',
    'ledger.request.actor', 'ledger.request_decision.actor', 'ledger.officer_change.actor',
    'ledger.signature_rule.actor']);
