-- name: held_at
-- The open wallets of a pack with what each held at a moment, and what all wallets of its holder did: for each
-- account one probe of the entries' key.
SELECT w.account_id, a.profile_id, coalesce(e.balance_after, 0), coalesce(h.held, e.balance_after, 0)
FROM kyc.wallet AS w
JOIN ledger.account AS a ON a.id = w.account_id
LEFT JOIN LATERAL (
    SELECT balance_after FROM ledger.entry WHERE account_id = a.id AND posted_at <= :moment
    ORDER BY posted_at DESC, version DESC LIMIT 1
) AS e ON true
LEFT JOIN LATERAL (
    SELECT sum(o.balance_after)::bigint AS held
    FROM ledger.account AS b
    CROSS JOIN LATERAL (
        SELECT balance_after FROM ledger.entry WHERE account_id = b.id AND posted_at <= :moment
        ORDER BY posted_at DESC, version DESC LIMIT 1
    ) AS o
    WHERE b.holder = a.holder AND b.currency = a.currency AND b.kind = 'customer'
) AS h ON a.holder IS NOT NULL
WHERE w.pack_id = :pack AND w.account_id > :after AND a.closed_at IS NULL AND a.profile_id IS NOT NULL
ORDER BY w.account_id LIMIT :most;

-- name: before
-- Whether this day was dealt with, and how many days in a row before it the wallet ended above.
SELECT EXISTS (SELECT FROM kyc.end_of_day_excess WHERE account_id = :account AND day = :day AND rule = :rule),
       coalesce((SELECT in_a_row FROM kyc.end_of_day_excess
                 WHERE account_id = :account AND day = :day::date - 1 AND rule = :rule), 0);

-- name: finish!
INSERT INTO kyc.end_of_day_run (pack_id, day, wallets, above, finished_at)
VALUES (:pack, :day, :wallets, :above, :at) ON CONFLICT DO NOTHING;
