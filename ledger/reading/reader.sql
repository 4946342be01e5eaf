-- Lists begin with the columns of a row's place and are in its order; `Reading` turns them round for the newest first.
-- What is joined by an id stands behind OFFSET 0: row by row through its key, whatever PostgreSQL thinks of the sizes.

-- name: transfer
SELECT t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id,
       t.effective_at, t.posted_at, n.key, n.metadata
FROM ledger.transfer AS t LEFT JOIN ledger.transfer_note AS n ON n.id = t.id
WHERE t.id = :id;

-- name: transfers_of_accounts
-- Of each account a range of its entries' key. A transfer between two of the accounts is told once, by its debit.
SELECT found.*
FROM unnest(:accounts::uuid[]) AS of_account (id)
CROSS JOIN LATERAL (
    SELECT e.posted_at AS at, e.account_id, e.version,
           t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id,
           t.effective_at, t.posted_at, n.key, n.metadata
    FROM ledger.entry AS e
    CROSS JOIN LATERAL (SELECT * FROM ledger.transfer AS t WHERE t.id = e.transfer_id OFFSET 0) AS t
    LEFT JOIN LATERAL (SELECT * FROM ledger.transfer_note AS n WHERE n.id = t.id OFFSET 0) AS n ON true
    WHERE e.account_id = of_account.id AND e.posted_at >= :since AND e.posted_at < :until
      AND (e.posted_at, e.account_id, e.version) > (:at::timestamptz, :account::uuid, :version::bigint)
      AND (:operation::text IS NULL OR t.operation = :operation)
      AND (:reference::text IS NULL OR t.reference = :reference)
      AND NOT (e.amount < 0 AND t.debit_account = ANY(:accounts::uuid[]))
    ORDER BY e.posted_at ASC, e.version ASC
    LIMIT :limit
) AS found
ORDER BY found.at ASC, found.account_id ASC, found.version ASC
LIMIT :limit;

-- name: transfers_of_time
-- Of the whole ledger, by the debits of a short time: the entries' index on blocks of times finds it.
SELECT e.posted_at, e.account_id, e.version,
       t.id, t.debit_account, t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id,
       t.effective_at, t.posted_at, n.key, n.metadata
FROM ledger.entry AS e
CROSS JOIN LATERAL (SELECT * FROM ledger.transfer AS t WHERE t.id = e.transfer_id OFFSET 0) AS t
LEFT JOIN LATERAL (SELECT * FROM ledger.transfer_note AS n WHERE n.id = t.id OFFSET 0) AS n ON true
WHERE e.posted_at >= :since AND e.posted_at < :until AND e.amount > 0
  AND (e.posted_at, e.account_id, e.version) > (:at::timestamptz, :account::uuid, :version::bigint)
  AND (:operation::text IS NULL OR t.operation = :operation)
  AND (:reference::text IS NULL OR t.reference = :reference)
ORDER BY e.posted_at ASC, e.account_id ASC, e.version ASC
LIMIT :limit;

-- name: refusal
SELECT r.transfer_id, r.debit_account, r.credit_account, r.amount, r.currency, r.operation, r.reference, r.group_id,
       r.effective_at, r.decided_at, n.key, n.metadata, r.rule, r.decision, r.source, r.numbers
FROM ledger.refusal AS r LEFT JOIN ledger.transfer_note AS n ON n.id = r.transfer_id
WHERE r.transfer_id = :id;

-- name: refusals_of_accounts
SELECT found.decided_at, found.transfer_id,
       found.transfer_id, found.debit_account, found.credit_account, found.amount, found.currency, found.operation,
       found.reference, found.group_id, found.effective_at, found.decided_at, n.key, n.metadata, found.rule,
       found.decision, found.source, found.numbers
FROM unnest(:accounts::uuid[]) AS of_account (id)
CROSS JOIN LATERAL (
    (
        SELECT * FROM ledger.refusal AS r
        WHERE r.debit_account = of_account.id AND r.decided_at >= :since AND r.decided_at < :until
          AND (r.decided_at, r.transfer_id) > (:at::timestamptz, :id::uuid)
          AND (:operation::text IS NULL OR r.operation = :operation)
          AND (:reference::text IS NULL OR r.reference = :reference)
        ORDER BY r.decided_at ASC, r.transfer_id ASC LIMIT :limit
    ) UNION ALL (
        SELECT * FROM ledger.refusal AS r
        WHERE r.credit_account = of_account.id AND r.decided_at >= :since AND r.decided_at < :until
          AND (r.decided_at, r.transfer_id) > (:at::timestamptz, :id::uuid)
          AND (:operation::text IS NULL OR r.operation = :operation)
          AND (:reference::text IS NULL OR r.reference = :reference)
          AND r.debit_account <> ALL(:accounts::uuid[])
        ORDER BY r.decided_at ASC, r.transfer_id ASC LIMIT :limit
    )
) AS found
LEFT JOIN LATERAL (SELECT * FROM ledger.transfer_note AS n WHERE n.id = found.transfer_id OFFSET 0) AS n ON true
ORDER BY found.decided_at ASC, found.transfer_id ASC
LIMIT :limit;

-- name: refusals_of_time
SELECT r.decided_at, r.transfer_id,
       r.transfer_id, r.debit_account, r.credit_account, r.amount, r.currency, r.operation, r.reference, r.group_id,
       r.effective_at, r.decided_at, n.key, n.metadata, r.rule, r.decision, r.source, r.numbers
FROM ledger.refusal AS r
LEFT JOIN LATERAL (SELECT * FROM ledger.transfer_note AS n WHERE n.id = r.transfer_id OFFSET 0) AS n ON true
WHERE r.decided_at >= :since AND r.decided_at < :until
  AND (r.decided_at, r.transfer_id) > (:at::timestamptz, :id::uuid)
  AND (:operation::text IS NULL OR r.operation = :operation)
  AND (:reference::text IS NULL OR r.reference = :reference)
ORDER BY r.decided_at ASC, r.transfer_id ASC
LIMIT :limit;

-- name: hold
SELECT h.id, h.debit_account, h.credit_account, h.amount, h.currency, h.operation, h.reference, h.placed_at, h.expires_at,
       (SELECT n.key FROM ledger.transfer_note AS n WHERE n.id = h.id),
       coalesce((SELECT o.remaining FROM ledger.open_hold AS o WHERE o.id = h.id AND o.expires_at > :now), 0),
       coalesce((SELECT sum(e.amount) FROM ledger.hold_event AS e WHERE e.hold_id = h.id AND e.kind = 'captured'), 0)::bigint
FROM ledger.hold AS h
WHERE h.id = :id;

-- name: holds_of_accounts
SELECT h.placed_at, h.id,
       h.id, h.debit_account, h.credit_account, h.amount, h.currency, h.operation, h.reference, h.placed_at, h.expires_at,
       (SELECT n.key FROM ledger.transfer_note AS n WHERE n.id = h.id),
       coalesce((SELECT o.remaining FROM ledger.open_hold AS o WHERE o.id = h.id AND o.expires_at > :now), 0),
       coalesce((SELECT sum(e.amount) FROM ledger.hold_event AS e WHERE e.hold_id = h.id AND e.kind = 'captured'), 0)::bigint
FROM unnest(:accounts::uuid[]) AS of_account (id)
CROSS JOIN LATERAL (
    (
        SELECT * FROM ledger.hold AS h
        WHERE h.debit_account = of_account.id AND h.placed_at >= :since AND h.placed_at < :until
          AND (h.placed_at, h.id) > (:at::timestamptz, :id::uuid)
          AND (:operation::text IS NULL OR h.operation = :operation)
          AND (:reference::text IS NULL OR h.reference = :reference)
          AND (NOT :open OR EXISTS (SELECT FROM ledger.open_hold AS o WHERE o.id = h.id AND o.expires_at > :now))
        ORDER BY h.placed_at ASC, h.id ASC LIMIT :limit
    ) UNION ALL (
        SELECT * FROM ledger.hold AS h
        WHERE h.credit_account = of_account.id AND h.placed_at >= :since AND h.placed_at < :until
          AND (h.placed_at, h.id) > (:at::timestamptz, :id::uuid)
          AND (:operation::text IS NULL OR h.operation = :operation)
          AND (:reference::text IS NULL OR h.reference = :reference)
          AND (NOT :open OR EXISTS (SELECT FROM ledger.open_hold AS o WHERE o.id = h.id AND o.expires_at > :now))
          AND h.debit_account <> ALL(:accounts::uuid[])
        ORDER BY h.placed_at ASC, h.id ASC LIMIT :limit
    )
) AS h
ORDER BY h.placed_at ASC, h.id ASC
LIMIT :limit;

-- name: holds_of_time
SELECT h.placed_at, h.id,
       h.id, h.debit_account, h.credit_account, h.amount, h.currency, h.operation, h.reference, h.placed_at, h.expires_at,
       (SELECT n.key FROM ledger.transfer_note AS n WHERE n.id = h.id),
       coalesce((SELECT o.remaining FROM ledger.open_hold AS o WHERE o.id = h.id AND o.expires_at > :now), 0),
       coalesce((SELECT sum(e.amount) FROM ledger.hold_event AS e WHERE e.hold_id = h.id AND e.kind = 'captured'), 0)::bigint
FROM ledger.hold AS h
WHERE h.placed_at >= :since AND h.placed_at < :until
  AND (h.placed_at, h.id) > (:at::timestamptz, :id::uuid)
  AND (:operation::text IS NULL OR h.operation = :operation)
  AND (:reference::text IS NULL OR h.reference = :reference)
  AND (NOT :open OR EXISTS (SELECT FROM ledger.open_hold AS o WHERE o.id = h.id AND o.expires_at > :now))
ORDER BY h.placed_at ASC, h.id ASC
LIMIT :limit;

-- name: accounts_of_holder
SELECT a.id FROM ledger.account AS a
WHERE a.holder = :holder AND (:kind::text IS NULL OR a.kind = :kind) AND (:currency::text IS NULL OR a.currency = :currency)
  AND a.opened_at >= :since AND a.opened_at < :until AND a.id > :id
ORDER BY a.id LIMIT :limit;

-- name: accounts_of_kind
-- Other kinds than customers' are few: an index of their own.
SELECT a.id FROM ledger.account AS a
WHERE a.kind = :kind AND a.kind <> 'customer' AND (:currency::text IS NULL OR a.currency = :currency)
  AND a.opened_at >= :since AND a.opened_at < :until AND a.id > :id
ORDER BY a.id LIMIT :limit;

-- name: accounts_in_order
SELECT a.id FROM ledger.account AS a
WHERE (:kind::text IS NULL OR a.kind = :kind) AND (:currency::text IS NULL OR a.currency = :currency)
  AND a.opened_at >= :since AND a.opened_at < :until AND a.id > :id
ORDER BY a.id LIMIT :limit;

-- name: ids_of_holder
SELECT a.id FROM ledger.account AS a WHERE a.holder = :holder ORDER BY a.id LIMIT :limit;

-- name: ids_of_references
SELECT a.external_ref, a.id FROM ledger.account AS a WHERE a.external_ref = ANY(:references::text[]);

-- name: balances
SELECT a.id, a.currency, (a.sign * (a.debits_posted - a.credits_posted))::bigint,
       (a.sign * (a.debits_posted - a.credits_posted)
           - CASE WHEN a.sign = 1 THEN a.credits_pending ELSE a.debits_pending - expired.outgoing END)::bigint,
       a.version
FROM ledger.account AS a CROSS JOIN LATERAL ledger.expired_v1(a, :at) AS expired
WHERE a.id = ANY(:ids::uuid[]);
