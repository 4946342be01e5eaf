DROP TRIGGER dispute_settled ON ledger.hold_event;
DROP TRIGGER held_for_dispute ON ledger.hold;
DROP TABLE ledger.dispute_outcome, ledger.dispute;
DROP FUNCTION ledger.check_dispute_v1(), ledger.check_dispute_outcome_v1(), ledger.check_disputed_hold_v1();
DROP TRIGGER open_period ON ledger.transfer;
DROP TABLE ledger.period_total, ledger.period_sum, ledger.closed_period;
DROP FUNCTION ledger.close_period_v1(), ledger.refuse_closed_period_v1();
