-- name: sort_in_memory
-- For the rest of the transaction: what is summed by account has tens of thousands of groups, or more.
SELECT set_config('work_mem', '64MB', true);

-- name: pending
-- Accounts whose pending sums are not what open holds reserve. Each open hold is looked up by its id, however many there were.
SELECT 'ledger.account', a.id::text, 'pending sums follow from open holds',
       concat_ws(' and ', coalesce(o.amount, 0), coalesce(i.amount, 0)), concat_ws(' and ', a.debits_pending, a.credits_pending)
FROM ledger.account AS a
LEFT JOIN (
    SELECT h.debit_account AS id, sum(p.remaining) AS amount
    FROM ledger.open_hold AS p
    CROSS JOIN LATERAL (SELECT h.debit_account FROM ledger.hold AS h WHERE h.id = p.id OFFSET 0) AS h GROUP BY 1
) AS o ON o.id = a.id
LEFT JOIN (
    SELECT h.credit_account AS id, sum(p.remaining) AS amount
    FROM ledger.open_hold AS p
    CROSS JOIN LATERAL (SELECT h.credit_account FROM ledger.hold AS h WHERE h.id = p.id OFFSET 0) AS h GROUP BY 1
) AS i ON i.id = a.id
WHERE (a.debits_pending, a.credits_pending) <> (coalesce(o.amount, 0), coalesce(i.amount, 0));

-- name: holds
-- Holds whose remainder is not what their events leave, or that run on past their end.
SELECT 'ledger.open_hold', h.id::text, 'what a hold reserves follows from what became of it',
       (h.amount - coalesce(e.gone, 0))::text, coalesce(o.remaining, 0)::text
FROM ledger.hold AS h
LEFT JOIN ledger.open_hold AS o ON o.id = h.id
LEFT JOIN (SELECT hold_id, sum(amount) AS gone FROM ledger.hold_event GROUP BY 1) AS e ON e.hold_id = h.id
WHERE h.amount - coalesce(e.gone, 0) <> coalesce(o.remaining, 0);

-- name: holds_of_tail
-- The same of the holds that are open, and of those that were placed or that something became of in the tail.
SELECT 'ledger.open_hold', h.id::text, 'what a hold reserves follows from what became of it',
       (h.amount - e.gone)::text, coalesce(o.remaining, 0)::text
FROM (
    SELECT id FROM ledger.open_hold
    UNION SELECT id FROM ledger.hold WHERE xact >= :xact
    UNION SELECT hold_id FROM ledger.hold_event WHERE xact >= :xact
) AS t
CROSS JOIN LATERAL (SELECT h.id, h.amount FROM ledger.hold AS h WHERE h.id = t.id OFFSET 0) AS h
CROSS JOIN LATERAL (
    SELECT coalesce(sum(e.amount), 0) AS gone FROM ledger.hold_event AS e WHERE e.hold_id = t.id
) AS e
LEFT JOIN ledger.open_hold AS o ON o.id = t.id
WHERE h.amount - e.gone <> coalesce(o.remaining, 0);

-- name: returns
-- Transfers that give back, under no limits, and name nothing that was moved.
SELECT 'ledger.transfer', t.id::text, 'what gives back names what it gives back', NULL, NULL
FROM ledger.transfer AS t
WHERE t.operation IN ('refund', 'reversal') AND NOT EXISTS (SELECT FROM ledger.reversal AS r WHERE r.transfer_id = t.id);

-- name: returns_of_tail
-- The same of those of the tail.
SELECT 'ledger.transfer', t.id::text, 'what gives back names what it gives back', NULL, NULL
FROM ledger.transfer AS t
WHERE t.xact >= :xact AND t.operation IN ('refund', 'reversal')
  AND NOT EXISTS (SELECT FROM ledger.reversal AS r WHERE r.transfer_id = t.id);

-- name: usage
-- Wallets of which something else is counted than their transfers and holds come to.
SELECT 'ledger.account', b.account_id::text || coalesce(' with ' || b.other_id, ''), 'counted on ' || b.day || ', ' || b.what,
       b.expected::text, b.found::text
FROM ledger.usage_breaches_v1() AS b;

-- name: usage_of_tail
-- The same of the wallets that moved, held or came under another profile in the tail, for the days that it reaches.
SELECT 'ledger.account', b.account_id::text || coalesce(' with ' || b.other_id, ''), 'counted on ' || b.day || ', ' || b.what,
       b.expected::text, b.found::text
FROM ledger.usage_breaches_v1(ARRAY(
    SELECT debit_account FROM ledger.transfer WHERE xact >= :xact
    UNION SELECT credit_account FROM ledger.transfer WHERE xact >= :xact
    UNION SELECT debit_account FROM ledger.hold WHERE xact >= :xact
    UNION SELECT credit_account FROM ledger.hold WHERE xact >= :xact
    UNION
    SELECT s.id FROM ledger.hold_event AS e
    CROSS JOIN LATERAL (SELECT h.debit_account, h.credit_account FROM ledger.hold AS h WHERE h.id = e.hold_id OFFSET 0) AS h
    CROSS JOIN LATERAL (VALUES (h.debit_account), (h.credit_account)) AS s (id)
    WHERE e.xact >= :xact
    UNION SELECT account_id FROM ledger.account_change WHERE kind = 'profile' AND xact >= :xact
), :first) AS b;

-- name: rules
-- The rules of profiles as the database has compiled them.
SELECT profile_id, number, id, metric, scope, mask, most, span, starts_on::text, ends_on::text, after_months
FROM ledger.limit_rule ORDER BY profile_id, number;

-- name: guards
-- Guards that are not what the compiled rules of their profile come to.
SELECT 'ledger.guard', g.profile_id || ' until ' || g.ends_at, 'a guard follows from the rules of its profile',
       e.told, concat_ws(' ', g.balance_most, g.single_in_most, g.single_out_most, g.day_most, g.span_most)
FROM ledger.guard AS g
CROSS JOIN LATERAL (
    SELECT (g.starts_at AT TIME ZONE g.time_zone)::date AS day
) AS d
CROSS JOIN LATERAL (
    SELECT concat_ws(' ',
        (SELECT min(most) FROM ledger.limit_rule AS r WHERE r.profile_id = g.profile_id AND NOT r.apart
            AND r.metric = 'balance' AND r.starts_on <= d.day AND r.ends_on > d.day),
        (SELECT min(most) FROM ledger.limit_rule AS r WHERE r.profile_id = g.profile_id AND NOT r.apart
            AND r.metric = 'single' AND r.mask & 4294967295 <> 0 AND r.starts_on <= d.day AND r.ends_on > d.day),
        (SELECT min(most) FROM ledger.limit_rule AS r WHERE r.profile_id = g.profile_id AND NOT r.apart
            AND r.metric = 'single' AND r.mask >> 32 <> 0 AND r.starts_on <= d.day AND r.ends_on > d.day),
        ARRAY(SELECT (SELECT min(most) FROM ledger.limit_rule AS r WHERE r.profile_id = g.profile_id AND NOT r.apart
            AND r.slot = k AND r.span = 'day' AND r.starts_on <= d.day AND r.ends_on > d.day)
            FROM generate_series(1, g.slots) AS k),
        ARRAY(SELECT (SELECT min(most) FROM ledger.limit_rule AS r WHERE r.profile_id = g.profile_id AND NOT r.apart
            AND r.slot = k AND r.span <> 'day' AND r.starts_on <= d.day AND r.ends_on > d.day)
            FROM generate_series(1, g.slots) AS k)
    ) AS told
) AS e
WHERE e.told <> concat_ws(' ', g.balance_most, g.single_in_most, g.single_out_most, g.day_most, g.span_most);

-- name: missing_guards
SELECT 'ledger.guard', p.id::text, 'a profile has a guard at any time', 'one', 'none'
FROM ledger.limit_profile AS p
WHERE NOT EXISTS (SELECT FROM ledger.guard AS g WHERE g.profile_id = p.id AND g.ends_at > '9000-01-15')
   OR NOT EXISTS (SELECT FROM ledger.guard AS g WHERE g.profile_id = p.id AND g.starts_at < '1899-12-15');
