-- name: holders
-- Each natural person that holds an open wallet once, by the oldest of them.
SELECT DISTINCT ON (a.holder) a.holder, (p.enrolled_at AT TIME ZONE 'UTC')::date, w.pack_id, w.tier, a.currency,
       a.sign * (a.debits_posted - a.credits_posted), a.version
FROM kyc.wallet AS w
JOIN ledger.account AS a ON a.id = w.account_id AND a.closed_at IS NULL
JOIN kyc.person AS p ON p.id = w.person_id AND p.kind = 'natural'
ORDER BY a.holder, a.opened_at, a.id;

-- name: count_all
-- Here and below: not those of whom any record is restricted, whatever it is restricted to.
SELECT 'all', count(DISTINCT a.holder)
FROM kyc.wallet AS w
JOIN ledger.account AS a ON a.id = w.account_id AND a.closed_at IS NULL
JOIN kyc.person AS p ON p.id = w.person_id AND p.kind = 'natural'
WHERE a.holder NOT IN (
    SELECT coalesce(r.holder_id, r.id) FROM privacy.restricted_v1() AS restricted
    JOIN kyc.person AS r ON r.id = restricted.subject);

-- name: count_by_tier
-- A holder is in one tier only: that of its oldest open wallet under the pack.
SELECT tier, count(*)
FROM (
    SELECT DISTINCT ON (a.holder) w.tier
    FROM kyc.wallet AS w
    JOIN ledger.account AS a ON a.id = w.account_id AND a.closed_at IS NULL
    JOIN kyc.person AS p ON p.id = w.person_id AND p.kind = 'natural'
    WHERE w.pack_id = :pack AND a.holder NOT IN (
        SELECT coalesce(r.holder_id, r.id) FROM privacy.restricted_v1() AS restricted
        JOIN kyc.person AS r ON r.id = restricted.subject)
    ORDER BY a.holder, a.opened_at, a.id
) AS oldest
GROUP BY tier;

-- name: count_active_since
SELECT 'all', count(DISTINCT a.holder)
FROM kyc.wallet AS w
JOIN ledger.account AS a ON a.id = w.account_id AND a.closed_at IS NULL
JOIN kyc.person AS p ON p.id = w.person_id AND p.kind = 'natural'
WHERE a.last_posted_at >= :day::timestamp AT TIME ZONE 'UTC' AND a.holder NOT IN (
    SELECT coalesce(r.holder_id, r.id) FROM privacy.restricted_v1() AS restricted
    JOIN kyc.person AS r ON r.id = restricted.subject);
