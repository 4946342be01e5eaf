-- name: not_matched_by_reference
-- A safeguarding account's entries in the books and at the bank that no reference brings together, and those whose
-- partner comes after the day (the last column is then true). Booked entries from long before the first statement
-- are left out: they are part of its opening balance.
WITH book AS (
    SELECT e.version, e.transfer_id, t.reference, a.sign * e.amount AS amount,
           (e.posted_at AT TIME ZONE :time_zone)::date AS day
    FROM ledger.account AS a
    JOIN ledger.entry AS e ON e.account_id = a.id
    JOIN ledger.transfer AS t ON t.id = e.transfer_id
    WHERE a.id = :account
), bank AS (
    SELECT b.statement_id, b.number, b.reference, b.bank_reference, b.amount, b.booked_on AS day
    FROM ledger.bank_statement AS s
    JOIN ledger.bank_entry AS b ON b.statement_id = s.id
    WHERE s.account_id = :account
), by_reference AS (
    SELECT k.version, n.statement_id, n.number, k.day AS book_day, n.day AS bank_day
    FROM (
        SELECT *, row_number() OVER (PARTITION BY reference, amount ORDER BY version) AS nth
        FROM book WHERE reference IS NOT NULL
    ) AS k
    JOIN (
        SELECT *, row_number() OVER (PARTITION BY reference, amount ORDER BY day, statement_id, number) AS nth
        FROM bank WHERE reference IS NOT NULL
    ) AS n USING (reference, amount, nth)
), by_bank_reference AS (
    SELECT k.version, n.statement_id, n.number, k.day AS book_day, n.day AS bank_day
    FROM (
        SELECT *, row_number() OVER (PARTITION BY reference, amount ORDER BY version) AS nth
        FROM book
        WHERE reference IS NOT NULL AND NOT EXISTS (SELECT FROM by_reference AS m WHERE m.version = book.version)
    ) AS k
    JOIN (
        SELECT *, row_number() OVER (PARTITION BY bank_reference, amount ORDER BY day, statement_id, number) AS nth
        FROM bank
        WHERE bank_reference IS NOT NULL
          AND NOT EXISTS (SELECT FROM by_reference AS m
                          WHERE m.statement_id = bank.statement_id AND m.number = bank.number)
    ) AS n ON n.bank_reference = k.reference AND n.amount = k.amount AND n.nth = k.nth
), matched AS (
    SELECT * FROM by_reference UNION ALL SELECT * FROM by_bank_reference
)
SELECT 'books', k.day, k.amount, k.reference, k.transfer_id, NULL::uuid, NULL::bigint, m.version IS NOT NULL
FROM book AS k LEFT JOIN matched AS m ON m.version = k.version
WHERE CASE WHEN m.version IS NULL THEN k.day >= :begins_on::date - :days::int ELSE k.day <= :day AND m.bank_day > :day END
UNION ALL
SELECT 'bank', n.day, n.amount, n.reference, NULL, n.statement_id, n.number, m.version IS NOT NULL
FROM bank AS n LEFT JOIN matched AS m ON m.statement_id = n.statement_id AND m.number = n.number
WHERE m.version IS NULL OR (n.day <= :day AND m.book_day > :day)
ORDER BY 2, 1, 5, 6, 7;
