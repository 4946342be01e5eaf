-- name: open_accounts
-- In id order: two callers opening the same accounts wait for each other and never deadlock. Parents are set by the
-- trigger on what is recorded, when all accounts of the statement are there.
WITH opened AS (
    INSERT INTO ledger.account (id, kind, currency, holder, external_ref, profile_id, opened_at, sign, floor, ceiling)
    SELECT id, kind, currency, holder, ref, profile, opened_at, sign, floor, ceiling
    FROM unnest(:ids::uuid[], :kinds::text[], :currencies::text[], :holders::uuid[], :refs::text[], :profiles::uuid[],
                :opened::timestamptz[], :signs::smallint[], :floors::bigint[], :ceilings::bigint[])
        AS new (id, kind, currency, holder, ref, profile, opened_at, sign, floor, ceiling)
    ORDER BY new.id
    ON CONFLICT (id) DO NOTHING
    RETURNING id, opened_at
), placed AS (
    INSERT INTO ledger.account_change (account_id, number, kind, parent_id, actor, reason, at)
    SELECT o.id, 1, 'parent', p.parent_id, 'opening', 'opened below it', o.opened_at
    FROM opened AS o JOIN unnest(:ids::uuid[], :parents::uuid[]) AS p (id, parent_id) ON p.id = o.id
    WHERE p.parent_id IS NOT NULL
)
SELECT count(*) FROM opened;

-- name: find_by_ref
SELECT id, kind, currency, opened_at, external_ref, holder, profile_id,
       sign * (debits_posted - credits_posted) AS balance,
       sign * (debits_posted - credits_posted) - CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending - expired.outgoing END AS available,
       version, frozen_debit, frozen_credit, closed_at, floor, ceiling,
       (SELECT p.parent_id FROM ledger.account_parent AS p WHERE p.account_id = a.id),
       debits_pending - expired.outgoing + credits_pending - expired.incoming
FROM ledger.account AS a CROSS JOIN LATERAL ledger.expired_v1(a, :at) AS expired
WHERE external_ref = ANY(:refs::text[]);

-- name: find_by_id
SELECT id, kind, currency, opened_at, external_ref, holder, profile_id,
       sign * (debits_posted - credits_posted) AS balance,
       sign * (debits_posted - credits_posted) - CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending - expired.outgoing END AS available,
       version, frozen_debit, frozen_credit, closed_at, floor, ceiling,
       (SELECT p.parent_id FROM ledger.account_parent AS p WHERE p.account_id = a.id),
       debits_pending - expired.outgoing + credits_pending - expired.incoming
FROM ledger.account AS a CROSS JOIN LATERAL ledger.expired_v1(a, :at) AS expired
WHERE id = :id;

-- name: find_by_ids
SELECT id, kind, currency, opened_at, external_ref, holder, profile_id,
       sign * (debits_posted - credits_posted) AS balance,
       sign * (debits_posted - credits_posted) - CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending - expired.outgoing END AS available,
       version, frozen_debit, frozen_credit, closed_at, floor, ceiling,
       (SELECT p.parent_id FROM ledger.account_parent AS p WHERE p.account_id = a.id),
       debits_pending - expired.outgoing + credits_pending - expired.incoming
FROM ledger.account AS a CROSS JOIN LATERAL ledger.expired_v1(a, :at) AS expired
WHERE id = ANY(:ids::uuid[]);

-- name: metadata
SELECT metadata FROM ledger.account_metadata WHERE account_id = :account;

-- name: set_metadata
INSERT INTO ledger.account_metadata AS m (account_id, metadata, changed_at)
SELECT id, :metadata::jsonb, :at FROM ledger.account WHERE id = :account
ON CONFLICT (account_id) DO UPDATE SET metadata = EXCLUDED.metadata, changed_at = EXCLUDED.changed_at;
