-- name: wallets
SELECT account_id FROM kyc.wallet WHERE account_id > :after ORDER BY account_id LIMIT :most;

-- name: bound
-- Wallets as they are bound, with their balance and what the wallets of their holder hold together.
SELECT w.account_id, w.person_id, w.pack_id, w.tier, w.tier_since, w.restriction, w.restriction_cause,
       w.restriction_next_at, a.profile_id, a.sign * (a.debits_posted - a.credits_posted),
       CASE WHEN a.holder IS NULL THEN a.sign * (a.debits_posted - a.credits_posted) ELSE h.held END
FROM kyc.wallet AS w
JOIN ledger.account AS a ON a.id = w.account_id
LEFT JOIN LATERAL (
    SELECT sum(o.sign * (o.debits_posted - o.credits_posted))::bigint AS held FROM ledger.account AS o
    WHERE o.holder = a.holder AND o.currency = a.currency AND o.kind = 'customer'
) AS h ON a.holder IS NOT NULL
WHERE w.account_id = ANY(:accounts::uuid[]) AND a.closed_at IS NULL
ORDER BY w.account_id;
