-- name: accounts
-- The accounts of a person: wallets and business accounts of any record, and what the ledger holds for the holder.
SELECT a.id, a.external_ref, a.opened_at, a.closed_at, w.pack_id
FROM ledger.account AS a LEFT JOIN kyc.wallet AS w ON w.account_id = a.id
WHERE a.holder = ANY (:subjects)
   OR a.id IN (SELECT account_id FROM kyc.wallet WHERE person_id = ANY (:subjects))
   OR a.id IN (SELECT account_id FROM kyc.business_account WHERE person_id = ANY (:subjects))
ORDER BY a.opened_at, a.id;

-- name: named_elsewhere
-- Whether another person's records name one of these: as a minor's guardian, or as an entity's owner.
SELECT EXISTS (
    SELECT FROM kyc.guardianship WHERE guardian_id = ANY (:subjects) AND minor_id <> ALL (:subjects)
) OR EXISTS (
    SELECT FROM kyc.ownership AS o JOIN kyc.ownership_statement AS s ON s.id = o.statement_id
    WHERE o.owner_id = ANY (:subjects) AND s.entity_id <> ALL (:subjects)
);

-- name: ended
-- Persons with accounts, all of them closed, for whom no erasure is under way; by the record that stands for each.
SELECT p.id, p.external_ref, p.kind, p.id, p.enrolled_at
FROM kyc.person AS p
WHERE p.holder_id IS NULL
  AND EXISTS (SELECT FROM kyc.wallet AS w JOIN kyc.person AS r ON r.id = w.person_id
              WHERE coalesce(r.holder_id, r.id) = p.id)
  AND NOT EXISTS (SELECT FROM kyc.wallet AS w JOIN kyc.person AS r ON r.id = w.person_id
                  JOIN ledger.account AS a ON a.id = w.account_id
                  WHERE coalesce(r.holder_id, r.id) = p.id AND a.closed_at IS NULL)
  AND NOT EXISTS (
      SELECT FROM privacy.data_request AS asked
      CROSS JOIN LATERAL (SELECT state FROM privacy.data_request_step
                          WHERE request_id = asked.id ORDER BY number DESC LIMIT 1) AS now
      WHERE asked.subject = p.id AND asked.kind = 'erasure' AND now.state IN ('received', 'kept'))
ORDER BY p.id LIMIT :most;

-- name: forget_wallets!
UPDATE kyc.wallet SET person_id = NULL WHERE person_id = ANY (:subjects);

-- name: forget_business_accounts!
UPDATE kyc.business_account SET person_id = NULL WHERE person_id = ANY (:subjects);

-- name: remove_consent!
DELETE FROM kyc.consent WHERE person_id = ANY (:subjects);

-- name: remove_review_done!
DELETE FROM kyc.review_done WHERE person_id = ANY (:subjects);

-- name: remove_review!
DELETE FROM kyc.review WHERE person_id = ANY (:subjects);

-- name: remove_risk_rating!
DELETE FROM kyc.risk_rating WHERE person_id = ANY (:subjects);

-- name: remove_death_step!
DELETE FROM kyc.death_step WHERE person_id = ANY (:subjects);

-- name: remove_death!
DELETE FROM kyc.death WHERE person_id = ANY (:subjects);

-- name: remove_duplicate!
DELETE FROM kyc.duplicate WHERE person_a = ANY (:subjects) OR person_b = ANY (:subjects);

-- name: remove_duplicate_decision!
DELETE FROM kyc.duplicate_decision WHERE person_a = ANY (:subjects) OR person_b = ANY (:subjects);

-- name: remove_person_link!
DELETE FROM kyc.person_link WHERE person_id = ANY (:subjects) OR into_id = ANY (:subjects);

-- name: remove_guardianship!
DELETE FROM kyc.guardianship WHERE minor_id = ANY (:subjects);

-- name: remove_ownership!
DELETE FROM kyc.ownership WHERE statement_id IN (SELECT id FROM kyc.ownership_statement WHERE entity_id = ANY (:subjects));

-- name: remove_ownership_statement!
DELETE FROM kyc.ownership_statement WHERE entity_id = ANY (:subjects);

-- name: remove_evidence_state!
DELETE FROM kyc.evidence_state WHERE evidence_id IN (SELECT id FROM kyc.evidence WHERE person_id = ANY (:subjects));

-- name: requests
-- What takes two and is about the persons, their evidence and corrections, found while these are still there.
SELECT r.id FROM ledger.request AS r JOIN ledger.request_action AS a ON a.name = r.action AND a.removal IS NOT NULL
WHERE r.subject = ANY (:subjects) OR r.subject IN (SELECT id FROM kyc.evidence WHERE person_id = ANY (:subjects))
   OR r.subject IN (SELECT id FROM kyc.rectification WHERE person_id = ANY (:subjects));

-- name: remove_evidence!
DELETE FROM kyc.evidence WHERE person_id = ANY (:subjects);

-- name: remove_person_version!
DELETE FROM kyc.person_version WHERE person_id = ANY (:subjects);

-- name: remove_rectification!
DELETE FROM kyc.rectification WHERE person_id = ANY (:subjects);

-- name: remove_requests
SELECT done, decisions, requests FROM ledger.remove_requests_v1(:requests);

-- name: unlink!
-- A record that stands for others goes together with them; the order of one statement is free.
DELETE FROM kyc.person WHERE id = ANY (:subjects);
