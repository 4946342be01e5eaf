-- Before this version there are two kinds of leaves: its audit does not know the others that a log may have by now.
DROP INDEX ledger.hold_xact, ledger.hold_event_xact, ledger.reversal_xact;
ALTER TABLE ledger.hold_event DROP COLUMN id;
DROP TABLE ledger.leaf_source;
DROP INDEX ledger.dispute_xact, ledger.dispute_outcome_xact;
