-- name: open_accounts
-- In id order: two callers opening the same accounts wait for each other, never in a circle.
INSERT INTO ledger.account (id, kind, currency, holder, external_ref, profile_id, opened_at, sign, floor)
SELECT * FROM unnest(:ids::uuid[], :kinds::text[], :currencies::text[], :holders::uuid[], :refs::text[],
                     :profiles::uuid[], :opened::timestamptz[], :signs::smallint[], :floors::bigint[]) AS new (id)
ORDER BY new.id
ON CONFLICT (id) DO NOTHING;

-- name: find_by_ref
SELECT id, kind, currency, opened_at, external_ref, holder, profile_id,
       sign * (debits_posted - credits_posted) AS balance,
       sign * (debits_posted - credits_posted) - CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END AS available,
       version, frozen_debit, frozen_credit, closed_at
FROM ledger.account WHERE external_ref = ANY(:refs::text[]);

-- name: find_by_id
SELECT id, kind, currency, opened_at, external_ref, holder, profile_id,
       sign * (debits_posted - credits_posted) AS balance,
       sign * (debits_posted - credits_posted) - CASE WHEN sign = 1 THEN credits_pending ELSE debits_pending END AS available,
       version, frozen_debit, frozen_credit, closed_at
FROM ledger.account WHERE id = :id;
