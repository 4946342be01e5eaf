-- name: waiting^
-- How many transfers no total has yet.
SELECT count(*) FROM ledger.transfer WHERE xact >= (SELECT coalesce(max(until_xact), 0) FROM ledger.day_total);

-- name: make^
SELECT ledger.make_day_total_v1();

-- name: find^
SELECT number, transfers, first_posted_at, last_posted_at FROM ledger.day_total WHERE number = :number;
