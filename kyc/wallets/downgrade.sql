-- name: restricted
-- By its index; those whose date has come, or whose balance is no longer what it was at the last step.
SELECT w.account_id, w.pack_id FROM kyc.wallet AS w
WHERE w.restriction IS NOT NULL AND w.account_id > :after
ORDER BY w.account_id LIMIT :most;

-- name: listed
SELECT w.account_id, a.external_ref, w.pack_id, w.tier, w.restriction, w.restriction_cause, w.restriction_next_at,
       a.sign * (a.debits_posted - a.credits_posted), a.currency,
       (SELECT jsonb_agg(jsonb_build_object('step', s.step, 'cause', s.cause, 'at', s.made_at, 'balance', s.balance,
                'cap', s.cap, 'next_at', s.next_at, 'source', s.source) ORDER BY s.made_at, s.id)
        FROM kyc.restriction_step AS s WHERE s.account_id = w.account_id)
FROM kyc.wallet AS w JOIN ledger.account AS a ON a.id = w.account_id
WHERE w.restriction IS NOT NULL AND w.account_id > :after
ORDER BY w.account_id LIMIT :most;
