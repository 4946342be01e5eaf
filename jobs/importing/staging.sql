-- What an import stages, in tables that only its own connection sees and that vanish with it.

-- name: wait_for_others!
-- One import at a time; one that was killed lets go as soon as the server notices.
SELECT pg_advisory_lock(hashtext('emoney import'));

-- name: create_account_rows!
-- Accounts as the file names them, several times where transfers mention them (seen).
CREATE TEMP TABLE import_account_row (
    line bigint NOT NULL,
    seen boolean NOT NULL,
    ref text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    opening_id uuid NOT NULL,
    kind text NOT NULL,
    tier text,
    opened timestamptz,
    holder uuid,
    opening bigint NOT NULL,
    cover boolean NOT NULL
);

-- name: create_opening_rows!
CREATE TEMP TABLE import_opening_row (line bigint NOT NULL, ref text COLLATE "C" NOT NULL, amount bigint NOT NULL);

-- name: create_transfers!
CREATE TEMP TABLE import_transfer (
    line bigint NOT NULL,
    ref text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    operation text NOT NULL,
    debit_ref text COLLATE "C" NOT NULL,
    credit_ref text COLLATE "C" NOT NULL,
    amount bigint NOT NULL
);

-- name: copy_account_rows!
COPY import_account_row FROM STDIN;

-- name: copy_opening_rows!
COPY import_opening_row FROM STDIN;

-- name: copy_transfers!
COPY import_transfer FROM STDIN;

-- name: settle_accounts!
-- One row per account: the declared one, else the first mention.
CREATE TEMP TABLE import_account AS
SELECT DISTINCT ON (ref) * FROM import_account_row ORDER BY ref, seen, line;

-- name: index_accounts!
ALTER TABLE import_account ADD PRIMARY KEY (ref);

-- name: index_transfers!
CREATE UNIQUE INDEX import_transfer_line ON import_transfer (line);

-- name: analyze_accounts!
ANALYZE import_account;

-- name: analyze_openings!
ANALYZE import_opening_row;

-- name: analyze_transfers!
ANALYZE import_transfer;

-- name: apply_openings!
UPDATE import_account AS a SET opening = o.amount FROM import_opening_row AS o WHERE o.ref = a.ref;

-- name: cover!
-- Float the file uses without saying what it was: all that the account pays out.
UPDATE import_account AS a SET opening = paid.total
FROM (
    SELECT debit_ref, sum(amount) AS total FROM import_transfer
    WHERE debit_ref IN (SELECT ref FROM import_account WHERE cover)
    GROUP BY debit_ref
) AS paid
WHERE a.cover AND paid.debit_ref = a.ref;

-- name: account_twice
SELECT line, ref, before FROM (
    SELECT line, ref, lag(line) OVER (PARTITION BY ref ORDER BY line) AS before
    FROM import_account_row WHERE NOT seen
) AS numbered WHERE before IS NOT NULL ORDER BY line LIMIT 1;

-- name: opening_twice
SELECT line, ref, before FROM (
    SELECT line, ref, lag(line) OVER (PARTITION BY ref ORDER BY line) AS before FROM import_opening_row
) AS numbered WHERE before IS NOT NULL ORDER BY line LIMIT 1;

-- name: opening_unknown
SELECT o.line, o.ref FROM import_opening_row AS o
WHERE NOT EXISTS (SELECT FROM import_account AS a WHERE a.ref = o.ref) ORDER BY o.line LIMIT 1;

-- name: opening_disagrees
-- The accounts file and the transfers file state different opening balances.
SELECT o.line, o.ref, o.amount, a.opening FROM import_opening_row AS o JOIN import_account AS a USING (ref)
WHERE NOT a.seen AND a.opening <> o.amount ORDER BY o.line LIMIT 1;

-- name: opening_too_large
SELECT line, ref, opening FROM import_account WHERE opening > :most ORDER BY line LIMIT 1;

-- name: transfer_twice
SELECT line, ref, before FROM (
    SELECT line, ref, lag(line) OVER (PARTITION BY ref ORDER BY line) AS before
    FROM import_transfer
    WHERE ref IN (SELECT ref FROM import_transfer GROUP BY ref HAVING count(*) > 1)
) AS numbered WHERE before IS NOT NULL ORDER BY line LIMIT 1;

-- name: account_unknown
SELECT t.line, t.debit_ref, t.credit_ref, d.ref IS NULL AS payer_unknown
FROM import_transfer AS t
LEFT JOIN import_account AS d ON d.ref = t.debit_ref
LEFT JOIN import_account AS c ON c.ref = t.credit_ref
WHERE d.ref IS NULL OR c.ref IS NULL
ORDER BY t.line LIMIT 1;

-- name: sides_wrong
-- A transfer between accounts of kinds that its operation does not move money between.
SELECT t.line, t.operation, d.kind, c.kind
FROM import_transfer AS t
JOIN import_account AS d ON d.ref = t.debit_ref
JOIN import_account AS c ON c.ref = t.credit_ref
WHERE t.operation || ' ' || d.kind || ' ' || c.kind <> ALL(:possible::text[])
ORDER BY t.line LIMIT 1;

-- name: account_in_ledger
-- An account that the ledger holds under the same reference but otherwise. Bytes 7 on of an id are its hash: where
-- they agree it is the same source's account, opened on another day.
SELECT i.line, i.ref, i.seen,
       CASE
           WHEN l.id <> i.id AND substring(uuid_send(l.id) FROM 7) <> substring(uuid_send(i.id) FROM 7) THEN 'source'
           WHEN l.id <> i.id THEN 'opening date'
           WHEN l.kind <> i.kind THEN 'kind'
           WHEN l.currency <> :currency THEN 'currency'
           ELSE 'holder'
       END
FROM import_account AS i JOIN ledger.account AS l ON l.external_ref = i.ref
WHERE l.id <> i.id OR l.kind <> i.kind OR l.currency <> :currency OR l.holder IS DISTINCT FROM i.holder
ORDER BY i.line LIMIT 1;

-- name: opening_in_ledger
-- An account that has moved before and whose opening balance was another one then, or none.
SELECT i.line, i.ref, i.seen, i.opening, coalesce(t.amount, 0)
FROM import_account AS i
JOIN ledger.account AS l ON l.id = i.id AND l.version > 0
LEFT JOIN ledger.transfer AS t ON t.id = i.opening_id
WHERE coalesce(t.amount, 0) <> i.opening
  AND NOT EXISTS (
      SELECT FROM ledger.refusal AS r WHERE r.transfer_id = i.opening_id AND r.amount = i.opening
  )
ORDER BY i.line LIMIT 1;

-- name: transfer_in_ledger
-- A transfer sent before under the same id with other content.
SELECT i.line, i.ref,
       CASE
           WHEN t.debit_account <> d.id THEN 'payer'
           WHEN t.credit_account <> c.id THEN 'payee'
           WHEN t.amount <> i.amount THEN 'amount'
           WHEN t.operation <> i.operation THEN 'type'
           WHEN t.effective_at <> i.at THEN 'time'
           ELSE 'currency'
       END
FROM import_transfer AS i
JOIN (
    SELECT id, debit_account, credit_account, amount, operation, currency, effective_at FROM ledger.transfer
    UNION ALL
    SELECT transfer_id, debit_account, credit_account, amount, operation, currency, effective_at FROM ledger.refusal
) AS t ON t.id = i.id
JOIN import_account AS d ON d.ref = i.debit_ref
JOIN import_account AS c ON c.ref = i.credit_ref
WHERE (t.debit_account, t.credit_account, t.amount, t.operation, t.currency, t.effective_at)
    IS DISTINCT FROM (d.id, c.id, i.amount, i.operation, :currency, i.at)
ORDER BY i.line LIMIT 1;

-- name: transfer_at_other_time
-- The same source's reference, sent before with another time and so under another id.
SELECT i.line, i.ref
FROM import_transfer AS i
JOIN (
    SELECT id, reference FROM ledger.transfer UNION ALL SELECT transfer_id, reference FROM ledger.refusal
) AS t ON t.reference = i.ref
WHERE t.id <> i.id AND substring(uuid_send(t.id) FROM 7) = substring(uuid_send(i.id) FROM 7)
ORDER BY i.line LIMIT 1;

-- name: closed_in_ledger
-- What was not sent before, and is of an account that the ledger has closed.
WITH closed AS (
    SELECT i.ref, i.line, i.opening, i.opening_id
    FROM import_account AS i JOIN ledger.account AS l ON l.external_ref = i.ref
    WHERE l.closed_at IS NOT NULL
), of_it AS (
    SELECT line, ref, opening_id AS id, 'opening' AS part FROM closed WHERE opening > 0
    UNION ALL
    SELECT t.line, c.ref, t.id, 'payer' FROM closed AS c JOIN import_transfer AS t ON t.debit_ref = c.ref
    UNION ALL
    SELECT t.line, c.ref, t.id, 'payee' FROM closed AS c JOIN import_transfer AS t ON t.credit_ref = c.ref
)
SELECT line, ref, part FROM of_it
WHERE NOT EXISTS (SELECT FROM ledger.claim AS c WHERE c.id = of_it.id)
ORDER BY part <> 'opening', line LIMIT 1;

-- name: tiers
-- The tiers of customers, each with where it stands first.
SELECT tier, min(line), bool_and(seen) FROM import_account WHERE kind = 'customer' GROUP BY tier ORDER BY 2;

-- name: totals
SELECT (SELECT count(*) FROM import_transfer),
       (SELECT min(at) FROM import_transfer),
       (SELECT coalesce(sum(opening), 0)::bigint FROM import_account),
       (SELECT count(*) FROM import_account WHERE opening > 0);

-- name: account_batch
-- Accounts the ledger does not hold yet.
SELECT i.ref, i.id, i.kind, i.opened, i.holder
FROM import_account AS i
WHERE i.ref > :after AND NOT EXISTS (SELECT FROM ledger.account AS l WHERE l.id = i.id)
ORDER BY i.ref LIMIT :rows;

-- name: opening_batch
-- at: as it was when sent before, for a later file of the same source begins at another time.
SELECT i.ref, i.line, i.opening_id, i.id, i.opening, coalesce(t.effective_at, r.effective_at)
FROM import_account AS i
LEFT JOIN ledger.transfer AS t ON t.id = i.opening_id
LEFT JOIN ledger.refusal AS r ON r.transfer_id = i.opening_id
WHERE i.ref > :after AND i.opening > 0
ORDER BY i.ref LIMIT :rows;

-- name: openings_to_cover
-- How much of the openings that are neither posted nor refused has not been received yet, and how many opening receipts
-- there are.
SELECT (
    SELECT coalesce(sum(i.opening), 0)::bigint FROM import_account AS i
    WHERE i.opening > 0
      AND NOT EXISTS (SELECT FROM ledger.transfer AS t WHERE t.id = i.opening_id)
      AND NOT EXISTS (SELECT FROM ledger.refusal AS r WHERE r.transfer_id = i.opening_id)
) - coalesce((
    SELECT received - drawn FROM ledger.receipt_fund WHERE (account_id, purpose) = (:payer, 'opening')
), 0), (SELECT count(*) FROM ledger.receipt WHERE (account_id, purpose) = (:payer, 'opening'));

-- name: unlimited_batch
-- Customers who are under no limits yet.
SELECT i.ref, i.id, i.tier
FROM import_account AS i JOIN ledger.account AS l ON l.id = i.id
WHERE i.ref > :after AND i.kind = 'customer' AND l.profile_id IS NULL
ORDER BY i.ref LIMIT :rows;

-- name: transfer_batch
SELECT t.line, t.ref, t.id, t.at, t.operation, d.id, c.id, t.amount
FROM (SELECT * FROM import_transfer WHERE line > :after ORDER BY line LIMIT :rows) AS t
JOIN import_account AS d ON d.ref = t.debit_ref
JOIN import_account AS c ON c.ref = t.credit_ref
ORDER BY t.line;
