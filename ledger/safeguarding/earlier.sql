-- name: hold_until_the_end!
-- The first statement of the transaction that reads: from here on it holds the lock in the session's place.
SELECT pg_advisory_xact_lock(hashtextextended('ledger.reconciliation', 0)),
       pg_advisory_unlock(hashtextextended('ledger.reconciliation', 0));

-- name: give_up
-- Whatever the session still holds.
SELECT pg_advisory_unlock_all();

-- name: found_since
-- The first of the days from which each day's last look found this: goes back look by look, and no further than to
-- the first that did not.
WITH RECURSIVE back AS (
    SELECT :day::date AS day, true AS found
    UNION ALL
    SELECT l.day, EXISTS (
        SELECT FROM ledger.safeguarding_event AS e
        WHERE e.reconciliation_id = l.id AND e.kind = :kind AND e.currency = :currency
          AND e.account_id IS NOT DISTINCT FROM :account::uuid
    )
    FROM back, LATERAL (
        SELECT r.id, r.day FROM ledger.reconciliation AS r
        WHERE r.time_zone = :time_zone AND r.day < back.day
        ORDER BY r.day DESC, r.made_at DESC, r.id DESC LIMIT 1
    ) AS l
    WHERE back.found
)
SELECT min(day) FROM back WHERE found;

-- name: told
-- What the last look at this day found, and how often. A finding of single entries is the same only with their day;
-- where another's beginning is known better by now, it is still the same.
SELECT e.kind, e.currency, e.account_id, e.amount, e.reference,
       CASE WHEN e.kind = ANY (:of_items) THEN e.since END AS since, count(*)
FROM ledger.safeguarding_event AS e
WHERE e.reconciliation_id = (
    SELECT r.id FROM ledger.reconciliation AS r
    WHERE r.day = :day AND r.time_zone = :time_zone ORDER BY r.made_at DESC, r.id DESC LIMIT 1
)
GROUP BY 1, 2, 3, 4, 5, 6;
