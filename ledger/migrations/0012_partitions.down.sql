ALTER TABLE ledger.reversal DROP CONSTRAINT reversal_transfer_id_fkey, DROP CONSTRAINT reversal_original_id_fkey;

ALTER TABLE ledger.transfer RENAME TO transfer_parts;
ALTER TABLE ledger.transfer_parts RENAME CONSTRAINT transfer_pkey TO transfer_parts_pkey;
ALTER INDEX ledger.transfer_xact RENAME TO transfer_parts_xact;
ALTER INDEX ledger.transfer_position RENAME TO transfer_parts_position;
CREATE TABLE ledger.transfer (LIKE ledger.transfer_parts INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);
INSERT INTO ledger.transfer SELECT * FROM ledger.transfer_parts;
DROP TABLE ledger.transfer_parts;
ALTER TABLE ledger.transfer ADD PRIMARY KEY (id);
CREATE INDEX transfer_xact ON ledger.transfer USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX transfer_position ON ledger.transfer USING brin (position) WITH (pages_per_range = 32, autosummarize = on);

ALTER TABLE ledger.entry RENAME TO entry_parts;
ALTER TABLE ledger.entry_parts RENAME CONSTRAINT entry_pkey TO entry_parts_pkey;
ALTER INDEX ledger.entry_posted_at RENAME TO entry_parts_posted_at;
CREATE TABLE ledger.entry (LIKE ledger.entry_parts INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);
INSERT INTO ledger.entry SELECT * FROM ledger.entry_parts;
DROP TABLE ledger.entry_parts;
ALTER TABLE ledger.entry ADD PRIMARY KEY (account_id, version);
CREATE INDEX entry_posted_at ON ledger.entry USING brin (posted_at) WITH (pages_per_range = 32, autosummarize = on);

DROP FUNCTION ledger.make_partitions_v1(timestamptz, integer);
DROP TABLE ledger.partition_start;
DROP FUNCTION ledger.first_id(timestamptz);

CREATE TRIGGER post_entries AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.post_entries_v2();
CREATE TRIGGER open_period AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_closed_period_v1();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

ALTER TABLE ledger.reversal
    ADD CONSTRAINT reversal_transfer_id_fkey FOREIGN KEY (transfer_id) REFERENCES ledger.transfer (id),
    ADD CONSTRAINT reversal_original_id_fkey FOREIGN KEY (original_id) REFERENCES ledger.transfer (id);

GRANT SELECT ON ledger.transfer, ledger.entry TO emoney_app;
GRANT INSERT (id, debit_account, credit_account, amount, currency, operation, reference, group_id, effective_at,
    posted_at, debit_version, debit_balance, credit_version, credit_balance) ON ledger.transfer TO emoney_app;
