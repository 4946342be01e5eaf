-- name: under
WITH RECURSIVE chain AS (
    SELECT account_id, under_account, 0 AS level FROM kyc.business_account WHERE account_id = :account
    UNION ALL
    SELECT b.account_id, b.under_account, c.level + 1
    FROM chain AS c JOIN kyc.business_account AS b ON b.account_id = c.under_account
)
SELECT account_id FROM chain WHERE level > 0 ORDER BY level;

-- name: listed
SELECT b.account_id, a.external_ref, p.external_ref, b.role, a.currency, u.external_ref, b.recorded_at
FROM kyc.business_account AS b
JOIN kyc.person AS p ON p.id = b.person_id
JOIN ledger.account AS a ON a.id = b.account_id
LEFT JOIN ledger.account AS u ON u.id = b.under_account
WHERE b.account_id > :after ORDER BY b.account_id LIMIT :most;
