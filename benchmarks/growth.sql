-- name: prepare#
-- The wallets by number, as they stand. `fill.made` is the transfers of some rounds: in each round every wallet
-- pays another one the same amount, so versions and balances are arithmetic: a wallet's debit comes first and
-- its credit brings its balance back.
CREATE SCHEMA fill;
CREATE TABLE fill.wallet AS
SELECT row_number() OVER (ORDER BY id) - 1 AS number, id, currency, version,
       credits_posted - debits_posted AS balance
FROM ledger.account WHERE kind = 'customer';
CREATE UNIQUE INDEX ON fill.wallet (number);
ANALYZE fill.wallet;

CREATE FUNCTION fill.made(p_first integer, p_last integer, p_start timestamptz, p_step interval)
RETURNS TABLE (round integer, id uuid, debit uuid, credit uuid, amount bigint, currency text, at timestamptz,
    debit_version bigint, debit_balance bigint, credit_version bigint, credit_balance bigint)
LANGUAGE sql STABLE AS $$
    WITH wallets AS (SELECT count(*) AS count FROM fill.wallet),
    of_round AS (
        SELECT r.round, p_start + r.round * p_step AS at, 1 + mod(r.round * 31, 100) AS amount,
               1 + mod(r.round::bigint * 7919, w.count - 1) AS shift, w.count
        FROM wallets AS w, generate_series(p_first, p_last - 1) AS r (round)
    )
    SELECT r.round,
           -- a UUIDv7: milliseconds, then what looks like chance and is the same at every reading
           (lpad(to_hex((extract(epoch FROM r.at) * 1000)::bigint), 12, '0') || '7' || substr(h.hash, 1, 3)
               || '8' || substr(h.hash, 4, 15))::uuid,
           d.id, c.id, r.amount, d.currency, r.at,
           d.version + 2 * r.round + 1, d.balance - r.amount,
           c.version + 2 * r.round + 2, c.balance
    FROM of_round AS r
    CROSS JOIN fill.wallet AS d
    JOIN fill.wallet AS c ON c.number = mod(d.number + r.shift, r.count)
    CROSS JOIN LATERAL (SELECT md5(r.round || '-' || d.number)) AS h (hash)
$$;

-- name: insert_claims!
INSERT INTO ledger.claim (id)
SELECT id FROM fill.made(:first, :last, :start, :step) ORDER BY round, id;

-- name: insert_transfers!
INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation, reference,
    effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)
SELECT id, debit, credit, amount, currency, 'p2p', 'T', at, at, debit_version, debit_balance, credit_version,
       credit_balance
FROM fill.made(:first, :last, :start, :step) ORDER BY round, id;

-- name: insert_entries!
INSERT INTO ledger.entry (account_id, version, transfer_id, amount, balance_after, posted_at)
SELECT s.account_id, s.version, m.id, s.amount, s.balance, m.at
FROM fill.made(:first, :last, :start, :step) AS m
CROSS JOIN LATERAL (VALUES (m.debit, m.debit_version, m.amount, m.debit_balance),
                           (m.credit, m.credit_version, -m.amount, m.credit_balance))
    AS s (account_id, version, amount, balance)
ORDER BY m.round, m.id;

-- name: move_accounts!
UPDATE ledger.account AS a
SET version = a.version + 2 * :rounds, debits_posted = a.debits_posted + m.amount,
    credits_posted = a.credits_posted + m.amount, last_posted_at = m.at
FROM (SELECT sum(1 + mod(r * 31, 100))::bigint AS amount, :start + max(r) * :step::interval AS at
      FROM generate_series(0, :rounds - 1) AS r) AS m
WHERE a.id IN (SELECT id FROM fill.wallet);

-- name: finish#
DROP SCHEMA fill CASCADE;

-- name: wallet_count^
SELECT count(*) FROM fill.wallet;
