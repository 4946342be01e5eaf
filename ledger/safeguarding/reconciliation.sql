-- name: safeguarding_accounts
-- The safeguarding accounts, each with the last statement that closes by the day and the first day covered by any.
SELECT a.id, a.currency, coalesce(a.external_ref, a.id::text), l.id, l.closing_on, l.closing_balance, f.begins_on
FROM ledger.account AS a
LEFT JOIN LATERAL (
    SELECT s.id, s.closing_on, s.closing_balance FROM ledger.bank_statement AS s
    WHERE s.account_id = a.id AND s.closing_on <= :day
    ORDER BY s.closing_on DESC, s.sequence DESC, s.id DESC LIMIT 1
) AS l ON true
LEFT JOIN LATERAL (
    SELECT min(s.opening_on) AS begins_on FROM ledger.bank_statement AS s WHERE s.account_id = a.id
) AS f ON true
WHERE a.kind = 'safeguarding' AND a.opened_at <= :moment AND (a.closed_at IS NULL OR a.closed_at > :moment)
ORDER BY a.currency, 3;

-- name: last_day
SELECT max(day) FROM ledger.reconciliation WHERE time_zone = :time_zone;

-- name: first_used_on
-- The day of an account's first entry; none where it has none.
SELECT (e.posted_at AT TIME ZONE :time_zone)::date FROM ledger.entry AS e
WHERE e.account_id = :account ORDER BY e.posted_at LIMIT 1;

-- name: statement_gaps
-- Where an account's statement does not open with what the one before it closed with.
SELECT statement_ref, opening_on, opening_balance - closed_with
FROM (
    SELECT statement_ref, opening_on, opening_balance,
           lag(closing_balance) OVER (ORDER BY closing_on, sequence, id) AS closed_with
    FROM ledger.bank_statement WHERE account_id = :account AND closing_on <= :day
) AS chain
WHERE opening_balance <> closed_with
ORDER BY opening_on;

-- name: add_reconciliation!
INSERT INTO ledger.reconciliation (id, day, time_zone, as_of, made_at, transit_days_max, clean)
VALUES (:id, :day, :time_zone, :as_of, :made_at, :transit_days_max, :clean);

-- name: copy_totals!
COPY ledger.reconciliation_total (reconciliation_id, currency, requirement, safeguarded, in_transit, at_banks,
    available_at_banks) FROM STDIN;

-- name: copy_accounts!
COPY ledger.reconciliation_account (reconciliation_id, account_id, books, bank, statement_id, statement_day,
    unexplained) FROM STDIN;

-- name: copy_items!
COPY ledger.reconciliation_item (reconciliation_id, account_id, number, side, amount, since, age_days, reference,
    transfer_id, statement_id, entry_number) FROM STDIN;

-- name: copy_events!
COPY ledger.safeguarding_event (id, reconciliation_id, at, kind, currency, account_id, amount, since, age_days,
    reference) FROM STDIN;
