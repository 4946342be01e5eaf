-- Receipts: e-money comes into being against money that somebody saw arrive, recorded before it by another right than
-- posting. What is issued on an account of funds never passes what was received there, under any concurrency. The lock
-- of the account covers its receipts: whoever records, withdraws, matches or issues has the account's row first.

-- What arrived, as the bank names it, on the account of funds where it did. purpose: `issue`, or `opening` for what
-- balances carried over from another ledger are covered by; neither pays for the other. id: of the account and the
-- reference, so that the same history gives the same.
CREATE TABLE ledger.receipt (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES ledger.account (id),
    reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 128),
    purpose text NOT NULL CHECK (purpose IN ('issue', 'opening')),
    currency text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    actor ledger.actor NOT NULL,
    reason ledger.reason NOT NULL,
    recorded_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    UNIQUE (account_id, reference)
);
CREATE INDEX receipt_xact ON ledger.receipt USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- By which entry of a bank's statement a receipt is confirmed. One entry may confirm several, up to its amount.
CREATE TABLE ledger.receipt_match (
    receipt_id uuid PRIMARY KEY REFERENCES ledger.receipt (id),
    statement_id uuid NOT NULL,
    entry_number bigint NOT NULL,
    actor ledger.actor NOT NULL,
    reason ledger.reason NOT NULL,
    matched_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    FOREIGN KEY (statement_id, entry_number) REFERENCES ledger.bank_entry (statement_id, number)
);
CREATE INDEX receipt_match_entry ON ledger.receipt_match (statement_id, entry_number);
CREATE INDEX receipt_match_xact ON ledger.receipt_match USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

INSERT INTO ledger.request_action (name) VALUES ('withdraw_receipt');

-- What of a receipt was none, agreed on by two persons; never what is issued on it.
CREATE TABLE ledger.receipt_withdrawal (
    request_id uuid PRIMARY KEY,
    action text NOT NULL GENERATED ALWAYS AS ('withdraw_receipt') STORED,
    receipt_id uuid NOT NULL REFERENCES ledger.receipt (id),
    outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    amount bigint NOT NULL CHECK (amount > 0),
    withdrawn_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    CONSTRAINT withdrawn_as_approved FOREIGN KEY (request_id, action, receipt_id, outcome)
        REFERENCES ledger.request_decision (request_id, action, subject, outcome)
);
CREATE INDEX receipt_withdrawal_receipt ON ledger.receipt_withdrawal (receipt_id);
CREATE INDEX receipt_withdrawal_xact ON ledger.receipt_withdrawal
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- Which transfer was issued on which receipt, where the policy has it name one.
CREATE TABLE ledger.receipt_issue (
    transfer_id uuid PRIMARY KEY,
    receipt_id uuid NOT NULL REFERENCES ledger.receipt (id),
    amount bigint NOT NULL CHECK (amount > 0)
);
CREATE INDEX receipt_issue_receipt ON ledger.receipt_issue (receipt_id);

-- What gives back a redemption issues, and needs no receipt: it is covered by the redemption, which it cannot pass. When
-- the transaction ends, the record that says so is there (07_reversals.sql).
CREATE TABLE ledger.receipt_return (
    transfer_id uuid PRIMARY KEY,
    CONSTRAINT receipt_return_gives_back FOREIGN KEY (transfer_id) REFERENCES ledger.reversal (transfer_id)
        DEFERRABLE INITIALLY DEFERRED
);

-- What stands, written by the functions below and by nobody else: of each receipt, and of all of an account. received:
-- less what was withdrawn. drawn: what is issued, less what reversals gave back. The checks are the guard.
CREATE TABLE ledger.receipt_state (
    receipt_id uuid PRIMARY KEY REFERENCES ledger.receipt (id),
    received bigint NOT NULL,
    drawn bigint NOT NULL DEFAULT 0,
    CONSTRAINT receipt_drawn CHECK (drawn BETWEEN 0 AND received)
) WITH (fillfactor = 60);
CREATE TABLE ledger.receipt_fund (
    account_id uuid NOT NULL REFERENCES ledger.account (id),
    purpose text NOT NULL CHECK (purpose IN ('issue', 'opening')),
    received bigint NOT NULL,
    drawn bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, purpose),
    CONSTRAINT receipt_fund_drawn CHECK (drawn BETWEEN 0 AND received)
) WITH (fillfactor = 60);

-- The operator's policy, the last row's; none: `receipt`.
-- receipt: each issue names a receipt by its reference on the account. statement: one that a bank's statement confirms.
-- prefunded: issues draw on all that was received on the account.
CREATE TABLE ledger.receipt_policy (
    number bigint PRIMARY KEY CHECK (number > 0),
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    policy text NOT NULL CHECK (policy IN ('receipt', 'statement', 'prefunded')),
    actor ledger.actor NOT NULL,
    reason ledger.reason NOT NULL,
    at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);
CREATE INDEX receipt_policy_xact ON ledger.receipt_policy USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.receipt
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.receipt_match
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.receipt_withdrawal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.receipt_issue
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.receipt_return
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.receipt_policy
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON ledger.receipt_state
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON ledger.receipt_fund
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (16, 'ledger.receipt', 1, 'id', ARRAY[
        'account_id uuid', 'reference text', 'purpose text', 'currency text', 'amount integer', 'actor text',
        'reason text', 'recorded_at time']),
    (17, 'ledger.receipt_match', 1, 'receipt_id', ARRAY[
        'statement_id uuid', 'entry_number integer', 'actor text', 'reason text', 'matched_at time']),
    (18, 'ledger.receipt_withdrawal', 1, 'request_id', ARRAY[
        'receipt_id uuid', 'amount integer', 'withdrawn_at time']),
    (19, 'ledger.receipt_policy', 1, 'id', ARRAY[
        'number integer', 'policy text', 'actor text', 'reason text', 'at time']);

-- Confirm a receipt by an entry of a statement of its own account. Doing so again by the same entry changes nothing.
CREATE FUNCTION ledger.match_receipt_v1(
    receipt uuid, statement uuid, entry bigint, actor text, reason text, at timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known ledger.receipt;
    credited bigint;
    confirmed bigint;
BEGIN
    SELECT r.* INTO known FROM ledger.receipt AS r WHERE r.id = match_receipt_v1.receipt;
    PERFORM FROM ledger.account AS a WHERE a.id = known.account_id FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM ledger.receipt_match AS m
        WHERE (m.receipt_id, m.statement_id, m.entry_number)
            = (known.id, match_receipt_v1.statement, match_receipt_v1.entry)
    ) THEN
        RETURN;
    END IF;
    SELECT b.amount INTO credited
    FROM ledger.bank_entry AS b JOIN ledger.bank_statement AS s ON s.id = b.statement_id
    WHERE (b.statement_id, b.number, s.account_id)
        = (match_receipt_v1.statement, match_receipt_v1.entry, known.account_id);
    IF credited IS NULL THEN
        RAISE EXCEPTION 'ledger: the receipt''s account has no such entry at its bank'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'receipt_match_entry';
    END IF;
    SELECT coalesce(sum(r.amount), 0) INTO confirmed
    FROM ledger.receipt_match AS m JOIN ledger.receipt AS r ON r.id = m.receipt_id
    WHERE (m.statement_id, m.entry_number) = (match_receipt_v1.statement, match_receipt_v1.entry);
    IF confirmed + known.amount > credited THEN
        RAISE EXCEPTION 'ledger: the entry confirms % of its % already; the receipt is of %',
            confirmed, credited, known.amount
            USING ERRCODE = 'check_violation', CONSTRAINT = 'receipt_match_amount';
    END IF;
    INSERT INTO ledger.receipt_match (receipt_id, statement_id, entry_number, actor, reason, matched_at)
    VALUES (known.id, match_receipt_v1.statement, match_receipt_v1.entry, match_receipt_v1.actor,
            match_receipt_v1.reason, match_receipt_v1.at);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.match_receipt_v1 FROM PUBLIC;

-- Record what arrived; gives the receipt's id, and that of the one recorded before where it is the same.
CREATE FUNCTION ledger.record_receipt_v1(
    account uuid, reference text, purpose text, currency text, amount bigint, actor text, reason text, at timestamptz
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known ledger.receipt;
    named bytea := sha256(convert_to(account || ' ' || reference, 'UTF8'));
    made uuid := encode(substring(named FROM 1 FOR 16), 'hex')::uuid;
BEGIN
    PERFORM FROM ledger.account AS a
    WHERE a.id = record_receipt_v1.account AND a.sign = 1 AND a.closed_at IS NULL
      AND a.currency = record_receipt_v1.currency
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: a receipt is recorded on an open account of funds, in its currency'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'receipt_account';
    END IF;
    SELECT r.* INTO known FROM ledger.receipt AS r
    WHERE (r.account_id, r.reference) = (record_receipt_v1.account, record_receipt_v1.reference);
    IF FOUND THEN
        IF (known.amount, known.purpose) = (record_receipt_v1.amount, record_receipt_v1.purpose) THEN
            RETURN known.id;
        END IF;
        RAISE EXCEPTION 'ledger: another receipt of this reference is recorded on the account'
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'receipt_account_id_reference_key';
    END IF;
    INSERT INTO ledger.receipt (id, account_id, reference, purpose, currency, amount, actor, reason, recorded_at)
    VALUES (made, account, record_receipt_v1.reference, record_receipt_v1.purpose, record_receipt_v1.currency,
            record_receipt_v1.amount, record_receipt_v1.actor, record_receipt_v1.reason, at);
    INSERT INTO ledger.receipt_state (receipt_id, received) VALUES (made, record_receipt_v1.amount);
    INSERT INTO ledger.receipt_fund AS f (account_id, purpose, received)
    VALUES (account, record_receipt_v1.purpose, record_receipt_v1.amount)
    ON CONFLICT ON CONSTRAINT receipt_fund_pkey DO UPDATE SET received = f.received + excluded.received;
    RETURN made;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.record_receipt_v1 FROM PUBLIC;

-- Withdraw what two persons agreed on, as far as nothing is issued on it: the checks of the two states see to that.
CREATE FUNCTION ledger.withdraw_receipt_v1(request uuid, receipt uuid, amount bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known ledger.receipt;
BEGIN
    SELECT r.* INTO known FROM ledger.receipt AS r WHERE r.id = withdraw_receipt_v1.receipt;
    PERFORM FROM ledger.account AS a WHERE a.id = known.account_id FOR NO KEY UPDATE;
    PERFORM FROM ledger.request AS q
    WHERE q.id = withdraw_receipt_v1.request AND q.subject = known.id
      AND q.details ->> 'minor' = withdraw_receipt_v1.amount::text;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger: nobody asked to withdraw this of the receipt'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'withdrawn_as_asked';
    END IF;
    INSERT INTO ledger.receipt_withdrawal (request_id, receipt_id, amount, withdrawn_at)
    VALUES (withdraw_receipt_v1.request, known.id, withdraw_receipt_v1.amount, withdraw_receipt_v1.at);
    INSERT INTO ledger.request_done (request_id, decided_at, kept, done_at)
    SELECT d.request_id, d.decided_at, d.kept, greatest(d.decided_at, withdraw_receipt_v1.at)
    FROM ledger.request_decision AS d WHERE d.request_id = withdraw_receipt_v1.request;
    UPDATE ledger.receipt_state AS s SET received = s.received - withdraw_receipt_v1.amount
    WHERE s.receipt_id = known.id;
    UPDATE ledger.receipt_fund AS f SET received = f.received - withdraw_receipt_v1.amount
    WHERE (f.account_id, f.purpose) = (known.account_id, known.purpose);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.withdraw_receipt_v1 FROM PUBLIC;

CREATE FUNCTION ledger.receipt_policy_v1() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN coalesce((SELECT p.policy FROM ledger.receipt_policy AS p ORDER BY p.number DESC LIMIT 1), 'receipt');
REVOKE EXECUTE ON FUNCTION ledger.receipt_policy_v1 FROM PUBLIC;

-- Set the policy, from the next posting on. Nothing where it stands already. Who has read the policy, to decide by it,
-- writes before it changes.
CREATE FUNCTION ledger.set_receipt_policy_v1(policy text, actor text, reason text, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '10s'
AS $$
BEGIN
    LOCK TABLE ledger.receipt_policy IN ACCESS EXCLUSIVE MODE;
    INSERT INTO ledger.receipt_policy (number, policy, actor, reason, at)
    SELECT 1 + coalesce(max(p.number), 0), set_receipt_policy_v1.policy, set_receipt_policy_v1.actor,
           set_receipt_policy_v1.reason, set_receipt_policy_v1.at
    FROM ledger.receipt_policy AS p
    HAVING set_receipt_policy_v1.policy <> ledger.receipt_policy_v1();
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.set_receipt_policy_v1 FROM PUBLIC;

CREATE TYPE ledger.issue_row AS (
    id uuid, debit_account uuid, credit_account uuid, amount bigint, operation text, reference text
);

-- Draw what transfers issue, whose accounts their posting has locked. transfers: those of the operations that may issue;
-- the accounts' signs say which of them do.
CREATE FUNCTION ledger.draw_receipts_v1(transfers ledger.issue_row[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
AS $$
DECLARE
    policy text := ledger.receipt_policy_v1();
    issues bigint;
    named bigint;
    written bigint;
    wanted bigint;
BEGIN
    INSERT INTO ledger.receipt_return (transfer_id)
    SELECT i.id
    FROM unnest(transfers) AS i
    JOIN ledger.account AS d ON d.id = i.debit_account AND d.sign = 1
    JOIN ledger.account AS c ON c.id = i.credit_account AND c.sign = -1
    WHERE i.operation IN ('refund', 'reversal');

    WITH issue AS (
        SELECT i.debit_account AS account_id, i.amount,
               CASE i.operation WHEN 'opening' THEN 'opening' ELSE 'issue' END AS purpose
        FROM unnest(transfers) AS i
        JOIN ledger.account AS d ON d.id = i.debit_account AND d.sign = 1
        JOIN ledger.account AS c ON c.id = i.credit_account AND c.sign = -1
        WHERE i.operation NOT IN ('refund', 'reversal')
    ), total AS (
        SELECT account_id, purpose, sum(amount)::bigint AS amount, count(*) AS issues FROM issue GROUP BY 1, 2
    ), drawn AS (
        UPDATE ledger.receipt_fund AS f SET drawn = f.drawn + t.amount
        FROM total AS t WHERE (f.account_id, f.purpose) = (t.account_id, t.purpose)
        RETURNING f.account_id
    )
    SELECT (SELECT count(*) FROM drawn), count(*), sum(t.issues) FILTER (WHERE t.purpose = 'issue')
    INTO written, wanted, issues FROM total AS t;
    IF written <> wanted THEN
        RAISE EXCEPTION 'ledger: e-money is issued on an account where no receipt is recorded'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'receipt_unknown';
    END IF;
    IF policy = 'prefunded' OR issues IS NULL THEN
        RETURN;
    END IF;

    WITH made AS (
        INSERT INTO ledger.receipt_issue (transfer_id, receipt_id, amount)
        SELECT i.id, r.id, i.amount
        FROM unnest(transfers) AS i
        JOIN ledger.receipt AS r
            ON (r.account_id, r.reference) = (i.debit_account, i.reference) AND r.purpose = 'issue'
        JOIN ledger.account AS c ON c.id = i.credit_account AND c.sign = -1
        WHERE i.operation NOT IN ('refund', 'reversal', 'opening')
          AND (policy = 'receipt' OR EXISTS (SELECT FROM ledger.receipt_match AS m WHERE m.receipt_id = r.id))
        RETURNING receipt_id, amount
    ), total AS (
        SELECT receipt_id, sum(amount)::bigint AS amount FROM made GROUP BY 1
    ), drawn AS (
        UPDATE ledger.receipt_state AS s SET drawn = s.drawn + t.amount
        FROM total AS t WHERE s.receipt_id = t.receipt_id
        RETURNING s.receipt_id
    )
    SELECT count(*) INTO named FROM made;
    IF named <> issues THEN
        RAISE EXCEPTION 'ledger: % of % issues of e-money name no receipt that the policy % accepts',
            issues - named, issues, policy
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'receipt_unknown';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.draw_receipts_v1 FROM PUBLIC;

-- What raises an asset and a liability at once issues value, whatever the operation is called: it names a receipt, and
-- draws on it. The operations are those of ledger/transfers/sides.py that may.
CREATE FUNCTION ledger.check_issues_v1(decided ledger.decided_row[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    wrong text;
    issued ledger.issue_row[];
BEGIN
    SELECT min(t.id::text) INTO wrong FROM unnest(decided) AS t
    JOIN ledger.account AS d ON d.id = t.debit_account
    JOIN ledger.account AS c ON c.id = t.credit_account
    WHERE t.reference IS NULL AND d.sign = 1 AND c.sign = -1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'ledger: transfer % issues e-money and names no receipt', wrong
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT array_agg(ROW(t.id, t.debit_account, t.credit_account, t.amount, t.operation, t.reference)::ledger.issue_row)
    INTO issued FROM unnest(decided) AS t
    WHERE t.operation IN ('opening', 'load', 'load_card', 'load_emoney', 'remit_in', 'refund', 'reversal');
    IF issued IS NOT NULL THEN
        PERFORM ledger.draw_receipts_v1(issued);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.check_issues_v1 FROM PUBLIC;

-- A reversal of an issue says that it should not have been: its receipt pays for another. A refund pays out what was
-- received, and the receipt stays drawn. After check_reversal, by its name.
CREATE FUNCTION ledger.free_receipt_v1() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    original ledger.transfer;
BEGIN
    IF TG_RELID <> 'ledger.reversal'::regclass THEN
        RAISE EXCEPTION 'ledger: receipts are freed by ledger.reversal only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT o.* INTO original
    FROM ledger.transfer AS o
    JOIN ledger.transfer AS t ON t.id = NEW.transfer_id AND t.operation = 'reversal'
    JOIN ledger.account AS d ON d.id = o.debit_account AND d.sign = 1
    JOIN ledger.account AS c ON c.id = o.credit_account AND c.sign = -1
    WHERE o.id = NEW.original_id AND o.operation IN ('opening', 'load', 'load_card', 'load_emoney', 'remit_in');
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE ledger.receipt_fund AS f SET drawn = f.drawn - NEW.amount
    WHERE (f.account_id, f.purpose)
        = (original.debit_account, CASE original.operation WHEN 'opening' THEN 'opening' ELSE 'issue' END);
    UPDATE ledger.receipt_state AS s SET drawn = s.drawn - NEW.amount
    FROM ledger.receipt_issue AS i WHERE i.transfer_id = original.id AND s.receipt_id = i.receipt_id;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.free_receipt_v1() FROM PUBLIC;
CREATE TRIGGER free_receipt AFTER INSERT ON ledger.reversal
    FOR EACH ROW EXECUTE FUNCTION ledger.free_receipt_v1();

-- Who may: the application reads; recording and the policy are a right of their own.
GRANT SELECT ON ledger.receipt, ledger.receipt_match, ledger.receipt_withdrawal, ledger.receipt_issue,
    ledger.receipt_return, ledger.receipt_state, ledger.receipt_fund, ledger.receipt_policy TO emoney_app;
GRANT EXECUTE ON FUNCTION ledger.receipt_policy_v1 TO emoney_app;

GRANT USAGE ON SCHEMA ledger, emoney_migrations TO emoney_receipts;
GRANT SELECT ON emoney_migrations.alembic_version TO emoney_receipts;
GRANT SELECT ON ledger.receipt, ledger.receipt_match, ledger.receipt_withdrawal, ledger.receipt_issue,
    ledger.receipt_return, ledger.receipt_state, ledger.receipt_fund, ledger.receipt_policy, ledger.account, ledger.bank_statement,
    ledger.bank_entry, ledger.request_action, ledger.request, ledger.request_decision, ledger.request_done,
    ledger.officer, ledger.officer_change, ledger.officer_now
    TO emoney_receipts;
GRANT INSERT (id, action, subject, target, details, actor, reason, requested_at, expires_at, signature) ON ledger.request
    TO emoney_receipts;
GRANT INSERT (request_id, action, subject, asked_by, requested_at, expires_at, kept, outcome, actor, reason, decided_at, signature)
    ON ledger.request_decision TO emoney_receipts;
-- Of what takes two persons, this act alone; in force as soon as the rows of these tables are held back from others
-- (kyc/migrations/0001_kyc/12_row_security.sql).
CREATE POLICY receipts ON ledger.request TO emoney_receipts
    USING (action = 'withdraw_receipt') WITH CHECK (action = 'withdraw_receipt');
CREATE POLICY receipts ON ledger.request_decision TO emoney_receipts
    USING (action = 'withdraw_receipt') WITH CHECK (action = 'withdraw_receipt');
GRANT EXECUTE ON FUNCTION ledger.record_receipt_v1, ledger.match_receipt_v1, ledger.withdraw_receipt_v1,
    ledger.receipt_policy_v1, ledger.set_receipt_policy_v1 TO emoney_receipts;
