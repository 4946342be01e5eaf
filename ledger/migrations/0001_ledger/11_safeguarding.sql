-- What safeguarding banks say, and what was found when it was compared with the books. Nothing here is edited:
-- another look at the same day is another reconciliation.

-- A bank's statement of one safeguarding account. `sequence` orders statements that close on one day.
CREATE TABLE ledger.bank_statement (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES ledger.account (id),
    statement_ref text NOT NULL CHECK (length(statement_ref) BETWEEN 1 AND 128),
    format text NOT NULL CHECK (format IN ('camt053', 'mt940')),
    bank_account text NOT NULL CHECK (length(bank_account) BETWEEN 1 AND 64),
    currency text NOT NULL,
    sequence bigint NOT NULL,
    opening_on date NOT NULL,
    closing_on date NOT NULL,
    opening_balance bigint NOT NULL,
    closing_balance bigint NOT NULL,
    entries bigint NOT NULL CHECK (entries >= 0),
    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
    imported_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (account_id, statement_ref),
    CHECK (opening_on <= closing_on)
);
CREATE INDEX bank_statement_xact ON ledger.bank_statement
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

CREATE INDEX bank_statement_closing ON ledger.bank_statement (account_id, closing_on);

-- Its booked entries, numbered as the statement has them. amount: positive where funds came in. No names, no
-- account numbers of others, no free text: only the references that the bank gives.
CREATE TABLE ledger.bank_entry (
    statement_id uuid NOT NULL REFERENCES ledger.bank_statement (id),
    number bigint NOT NULL CHECK (number > 0),
    booked_on date NOT NULL,
    amount bigint NOT NULL CHECK (amount <> 0),
    reference text CHECK (length(reference) BETWEEN 1 AND 128),
    bank_reference text CHECK (length(bank_reference) BETWEEN 1 AND 128),
    PRIMARY KEY (statement_id, number)
);

-- A statement's entries lead from its opening to its closing balance, all of them are there, and none comes later:
-- checked when entries are inserted, and at the end of the transaction that inserts the statement.
CREATE FUNCTION ledger.check_bank_statement_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    IF TG_LEVEL = 'ROW' THEN
        SELECT s.statement_ref INTO wrong
        FROM ledger.bank_statement AS s LEFT JOIN ledger.bank_entry AS b ON b.statement_id = s.id
        WHERE s.id = NEW.id
        GROUP BY s.id
        HAVING s.opening_balance + coalesce(sum(b.amount), 0) <> s.closing_balance OR count(b.number) <> s.entries;
    ELSE
        SELECT min(w.statement_ref) INTO wrong
        FROM (
            SELECT s.statement_ref
            FROM ledger.bank_statement AS s JOIN ledger.bank_entry AS b ON b.statement_id = s.id
            WHERE s.id IN (SELECT statement_id FROM added)
            GROUP BY s.id
            HAVING s.opening_balance + sum(b.amount) <> s.closing_balance OR count(*) <> s.entries
        ) AS w;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: the entries of bank statement % do not lead to its closing balance', wrong
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_bank_statement_v1() FROM PUBLIC;

CREATE TRIGGER adds_up AFTER INSERT ON ledger.bank_entry
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.check_bank_statement_v1();
CREATE CONSTRAINT TRIGGER adds_up AFTER INSERT ON ledger.bank_statement
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger.check_bank_statement_v1();

-- One look at a day: the books as of its end against the statements known when it was made.
CREATE TABLE ledger.reconciliation (
    id uuid PRIMARY KEY,
    day date NOT NULL,
    time_zone text NOT NULL,
    as_of timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    transit_days_max bigint NOT NULL CHECK (transit_days_max >= 0),
    clean boolean NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE INDEX reconciliation_xact ON ledger.reconciliation
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

CREATE INDEX reconciliation_day ON ledger.reconciliation (day);

-- Per currency: what must be covered, what covers it in the books, and at the banks.
CREATE TABLE ledger.reconciliation_total (
    reconciliation_id uuid NOT NULL REFERENCES ledger.reconciliation (id),
    currency text NOT NULL,
    requirement bigint NOT NULL CHECK (requirement >= 0),
    safeguarded bigint NOT NULL,
    in_transit bigint NOT NULL,
    at_banks bigint NOT NULL,
    available_at_banks bigint NOT NULL,
    PRIMARY KEY (reconciliation_id, currency)
);

-- Per safeguarding account: the books, the bank, and what no item explains. Nulls: no statement yet.
CREATE TABLE ledger.reconciliation_account (
    reconciliation_id uuid NOT NULL REFERENCES ledger.reconciliation (id),
    account_id uuid NOT NULL,
    books bigint NOT NULL,
    bank bigint,
    statement_id uuid,
    statement_day date,
    unexplained bigint,
    PRIMARY KEY (reconciliation_id, account_id)
);

-- What one side has and the other does not, at the day's end. books: booked, not at the bank; bank: the reverse.
CREATE TABLE ledger.reconciliation_item (
    reconciliation_id uuid NOT NULL REFERENCES ledger.reconciliation (id),
    account_id uuid NOT NULL,
    number bigint NOT NULL,
    side text NOT NULL CHECK (side IN ('books', 'bank')),
    amount bigint NOT NULL,
    since date NOT NULL,
    age_days bigint NOT NULL CHECK (age_days >= 0),
    reference text,
    transfer_id uuid,
    statement_id uuid,
    entry_number bigint,
    PRIMARY KEY (reconciliation_id, account_id, number)
);

-- A shortfall or a break: somebody has to act on it.
CREATE TABLE ledger.safeguarding_event (
    id uuid PRIMARY KEY,
    reconciliation_id uuid NOT NULL REFERENCES ledger.reconciliation (id),
    at timestamptz NOT NULL,
    kind text NOT NULL,
    currency text NOT NULL,
    account_id uuid,
    amount bigint NOT NULL,
    since date,
    age_days bigint,
    reference text,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE INDEX safeguarding_event_xact ON ledger.safeguarding_event
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

CREATE INDEX safeguarding_event_reconciliation ON ledger.safeguarding_event (reconciliation_id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.bank_statement
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.bank_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reconciliation
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reconciliation_total
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reconciliation_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reconciliation_item
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.safeguarding_event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (26, 'ledger.bank_statement', 1, 'id', ARRAY[
        'salt uuid', 'account_id uuid', 'statement_ref text', 'format text', 'bank_account text', 'currency text',
        'sequence integer', 'opening_on json', 'closing_on json', 'opening_balance integer', 'closing_balance integer',
        'entries integer', 'content_hash bytes', 'imported_at time']),
    (27, 'ledger.reconciliation', 1, 'id', ARRAY[
        'salt uuid', 'day json', 'time_zone text', 'as_of time', 'made_at time', 'transit_days_max integer',
        'clean json']),
    (28, 'ledger.safeguarding_event', 1, 'id', ARRAY[
        'salt uuid', 'reconciliation_id uuid', 'at time', 'kind text', 'currency text', 'account_id uuid',
        'amount integer', 'since json', 'age_days integer', 'reference text']);
