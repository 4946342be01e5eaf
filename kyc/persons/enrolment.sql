-- name: enrolled_among
SELECT external_ref FROM kyc.person WHERE external_ref = ANY(:refs::text[]);

-- name: find
SELECT p.external_ref, a.id, p.id, w.pack_id, w.tier
FROM kyc.person AS p
JOIN ledger.account AS a ON a.external_ref = p.external_ref
JOIN kyc.wallet AS w ON w.account_id = a.id AND w.person_id = p.id
WHERE p.external_ref = :ref;
