-- name: pending
-- Accounts whose pending sums are not what open holds reserve.
SELECT 'ledger.account', a.id::text, 'pending sums follow from open holds',
       concat_ws(' and ', coalesce(o.amount, 0), coalesce(i.amount, 0)), concat_ws(' and ', a.debits_pending, a.credits_pending)
FROM ledger.account AS a
LEFT JOIN (
    SELECT h.debit_account AS id, sum(p.remaining) AS amount
    FROM ledger.open_hold AS p JOIN ledger.hold AS h ON h.id = p.id GROUP BY 1
) AS o ON o.id = a.id
LEFT JOIN (
    SELECT h.credit_account AS id, sum(p.remaining) AS amount
    FROM ledger.open_hold AS p JOIN ledger.hold AS h ON h.id = p.id GROUP BY 1
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

-- name: usage
-- Wallets of which something else is counted than their transfers and holds come to.
SELECT 'ledger.account', a.id::text || coalesce(' with ' || b.other_id, ''), 'counted on ' || b.day || ', ' || b.what,
       b.expected::text, b.found::text
FROM ledger.account AS a, ledger.usage_breaches_v1(a.id) AS b
WHERE a.profile_id IS NOT NULL;

-- name: limits
-- Windows in which a wallet moved more than a rule of its profile allows: such as began since the wallet came under that
-- profile, and since the rule is in force. By day, what was moved in the window so far.
WITH moved AS (
    SELECT m.account_id, m.other_id, m.day, r.number, r.id, r.most, r.span, r.starts_on, r.ends_on, sum(m.moved) AS moved,
           ledger.window_first(r.span, m.day, p.fiscal_year_starts) AS first,
           (SELECT max((c.at AT TIME ZONE p.time_zone)::date) FROM ledger.account_change AS c
            WHERE c.account_id = a.id AND c.kind = 'profile') AS changed_on
    FROM ledger.usage_moved AS m
    JOIN ledger.account AS a ON a.id = m.account_id
    JOIN ledger.limit_profile AS p ON p.id = a.profile_id
    JOIN ledger.limit_rule AS r
        ON r.profile_id = p.id AND r.slot = m.slot AND (r.scope = 'payee') = (m.other_id IS NOT NULL)
        AND r.scope IN ('wallet', 'payee') AND r.after_months IS NULL
    GROUP BY m.account_id, m.other_id, m.day, r.number, r.id, r.most, r.span, r.starts_on, r.ends_on, a.id, p.time_zone,
        p.fiscal_year_starts
), summed AS (
    SELECT m.*, CASE WHEN m.span IN ('rolling_30d', 'rolling_12m') THEN (
            SELECT sum(o.moved) FROM moved AS o
            WHERE o.account_id = m.account_id AND o.number = m.number AND o.other_id IS NOT DISTINCT FROM m.other_id
              AND o.day BETWEEN m.first AND m.day
        ) ELSE sum(m.moved) OVER (PARTITION BY m.account_id, m.other_id, m.number, m.first ORDER BY m.day) END AS so_far
    FROM moved AS m
)
SELECT 'ledger.account', s.account_id::text, s.id || ' on ' || min(s.day), s.most::text, max(s.so_far)::text
FROM summed AS s
WHERE s.so_far > s.most AND s.day < s.ends_on
  AND s.first >= CASE WHEN s.starts_on < '1900-01-01' THEN '-infinity' ELSE s.starts_on END
  AND (s.changed_on IS NULL OR s.first > s.changed_on)
GROUP BY s.account_id, s.number, s.id, s.other_id, s.first, s.most;

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
