-- A change has an id of its own, left to the database, by which its leaf names it.
ALTER TABLE ledger.account_change ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
CREATE UNIQUE INDEX account_change_id ON ledger.account_change (id);
CREATE INDEX account_change_xact ON ledger.account_change USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (11, 'ledger.account_change', 1, 'id', ARRAY[
        'account_id uuid', 'number integer', 'kind text', 'frozen_debit json', 'frozen_credit json', 'floor integer',
        'ceiling integer', 'parent_id uuid', 'actor text', 'reason text', 'at time']);
