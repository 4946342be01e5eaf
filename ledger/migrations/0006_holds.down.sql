DROP TABLE ledger.open_hold, ledger.hold_event, ledger.hold;
DROP FUNCTION ledger.place_hold_v1(), ledger.end_hold_v1();
-- What was held is free again.
UPDATE ledger.account SET debits_pending = 0, credits_pending = 0 WHERE debits_pending <> 0 OR credits_pending <> 0;
