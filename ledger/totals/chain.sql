-- name: totals
SELECT number, id, since_xact, until_xact, first_posted_at, last_posted_at, made_at, digest
FROM ledger.day_total ORDER BY number;

-- name: digest^
SELECT ledger.day_total_digest_v1(:number);

-- name: first_posted^
-- Nothing that was posted after a total is posted before this moment.
SELECT least(:last, min(posted_at)) FROM ledger.transfer WHERE xact >= :xact;

-- name: wrong_movements
-- The parts of days whose accounts did not move what was totalled. One pass over all transfers.
WITH ends AS (
    SELECT coalesce(array_agg(until_xact ORDER BY number), '{}') AS xacts FROM ledger.day_total
), moved AS (
    SELECT width_bucket(t.xact, e.xacts) + 1 AS number, s.account_id,
           count(*) AS entries, sum(s.debit)::bigint AS debits, sum(s.credit)::bigint AS credits
    FROM ends AS e
    JOIN ledger.transfer AS t ON t.xact < e.xacts[cardinality(e.xacts)]
    CROSS JOIN LATERAL (VALUES (t.debit_account, t.amount, 0::bigint), (t.credit_account, 0, t.amount)) AS s (account_id, debit, credit)
    GROUP BY 1, 2
), part AS (
    SELECT number, ledger.part_of(account_id) AS part,
           sha256(string_agg(ledger.account_bytes(account_id, entries, debits, credits), '' ORDER BY account_id)) AS movements
    FROM moved GROUP BY 1, 2
)
SELECT coalesce(p.number, s.number), coalesce(p.part, s.part)
FROM part AS p FULL JOIN ledger.day_total_part AS s ON (s.number, s.part) = (p.number, p.part)
WHERE coalesce(p.movements, sha256('')) <> coalesce(s.movements, sha256(''))
ORDER BY 1, 2
LIMIT 1000;

-- name: wrong_states
-- The parts whose accounts had not come to what was totalled.
SELECT coalesce(p.part, s.part)
FROM (
    SELECT ledger.part_of(m.account_id) AS part,
           sha256(string_agg(ledger.account_bytes(m.account_id, m.entries, m.debits, m.credits), '' ORDER BY m.account_id)) AS states
    FROM ledger.moved_v1(0, :xact) AS m GROUP BY 1
) AS p
FULL JOIN (SELECT s.part, s.states FROM ledger.day_total_part AS s WHERE s.number = :number) AS s ON s.part = p.part
WHERE coalesce(p.states, sha256('')) <> coalesce(s.states, sha256(''))
ORDER BY 1;

-- name: wrong_funds
SELECT coalesce(m.account_id, f.account_id)
FROM ledger.funds_moved_v1(0, :xact) AS m
FULL JOIN (SELECT * FROM ledger.day_total_fund AS f WHERE f.number = :number) AS f
    ON (f.account_id, f.purpose) = (m.account_id, m.purpose)
WHERE (m.received, m.drawn) IS DISTINCT FROM (f.received, f.drawn)
ORDER BY 1;
