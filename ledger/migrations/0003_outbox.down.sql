DROP TABLE ledger.redelivery;
DROP TABLE ledger.dead_letter;
DROP TABLE ledger.consumer;
DROP TABLE ledger.event;
ALTER TABLE ledger.refusal DROP COLUMN position;
ALTER TABLE ledger.transfer DROP COLUMN position;
DROP SEQUENCE ledger.event_position;
