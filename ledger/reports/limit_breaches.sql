-- name: suspects_of_all
-- Wallets that may have passed a limit at any time, of what they moved day by day, none of it given back, by the rules of every
-- profile that they were ever under; with the holder's others where the rule is the person's.
WITH under AS (
    SELECT a.id AS account_id, a.holder, u.profile_id
    FROM (
        SELECT id AS account_id, profile_id FROM ledger.account WHERE profile_id IS NOT NULL
        UNION SELECT account_id, profile_id FROM ledger.account_change WHERE kind = 'profile' AND profile_id IS NOT NULL
        UNION SELECT account_id, was_under FROM ledger.account_change WHERE kind = 'profile' AND was_under IS NOT NULL
    ) AS u
    JOIN ledger.account AS a ON a.id = u.account_id
), side AS (
    SELECT e.account_id, CASE WHEN e.amount > 0 THEN t.credit_account ELSE t.debit_account END AS other,
           array_position(ledger.operation_list(), t.operation) + CASE WHEN e.amount > 0 THEN 32 ELSE 0 END AS code,
           t.effective_at AS at, t.amount, CASE WHEN e.amount < 0 THEN t.credit_balance END AS after
    FROM ledger.entry AS e JOIN ledger.transfer AS t ON t.id = e.transfer_id
    WHERE t.operation NOT IN ('refund', 'reversal')
    UNION ALL
    SELECT s.account_id, s.other, s.code, h.placed_at, h.amount, NULL
    FROM ledger.hold AS h
    CROSS JOIN LATERAL (VALUES
        (h.debit_account, h.credit_account, array_position(ledger.operation_list(), h.operation) + 32),
        (h.credit_account, h.debit_account, array_position(ledger.operation_list(), h.operation))
    ) AS s (account_id, other, code)
    WHERE h.operation NOT IN ('refund', 'reversal')
), profile AS (
    SELECT p.id, p.time_zone, p.fiscal_year_starts,
           EXISTS (SELECT FROM ledger.limit_rule AS r WHERE r.profile_id = p.id AND r.scope = 'payee') AS of_payees
    FROM ledger.limit_profile AS p
    WHERE EXISTS (SELECT FROM ledger.limit_rule AS r WHERE r.profile_id = p.id AND r.most IS NOT NULL)
), daily AS (
    SELECT s.account_id, u.holder, u.profile_id, CASE WHEN p.of_payees THEN s.other END AS other, s.code,
           (s.at AT TIME ZONE p.time_zone)::date AS day, sum(s.amount) AS amount, count(*) AS number,
           max(s.amount) AS largest, max(s.after) AS highest
    FROM side AS s JOIN under AS u ON u.account_id = s.account_id JOIN profile AS p ON p.id = u.profile_id
    GROUP BY 1, 2, 3, 4, 5, 6
), ruled AS (
    SELECT d.account_id, d.profile_id, r.number AS rule, r.metric, r.scope, r.most, r.span, d.day,
           CASE WHEN r.scope = 'payee' THEN d.other END AS payee,
           CASE WHEN r.scope = 'person' THEN coalesce(d.holder, d.account_id) ELSE d.account_id END AS owner,
           CASE r.metric WHEN 'count' THEN d.number WHEN 'flow' THEN d.amount WHEN 'single' THEN d.largest ELSE d.highest END AS moved,
           r.starts_on <= d.day AND r.ends_on > d.day AS asked, p.fiscal_year_starts
    FROM daily AS d
    JOIN ledger.limit_rule AS r ON r.profile_id = d.profile_id AND (r.mask >> d.code) & 1 = 1 AND r.most IS NOT NULL
    JOIN profile AS p ON p.id = d.profile_id
    WHERE r.metric IN ('flow', 'count')
       OR (CASE r.metric WHEN 'single' THEN d.largest ELSE d.highest END > r.most AND r.starts_on <= d.day AND r.ends_on > d.day)
), opens AS MATERIALIZED (
    -- once for each day, which is dear to ask of each row
    SELECT d.day, k.span, k.fiscal_year_starts, ledger.window_first(k.span, d.day, k.fiscal_year_starts) AS first
    FROM (SELECT DISTINCT day FROM daily) AS d
    CROSS JOIN (SELECT DISTINCT span, fiscal_year_starts FROM ruled WHERE span IS NOT NULL) AS k
), suspect AS (
    SELECT r.account_id, r.owner, r.scope FROM ruled AS r WHERE r.metric IN ('single', 'balance')
    UNION
    SELECT r.owner, r.owner, r.scope
    FROM ruled AS r
    JOIN opens AS o ON (o.day, o.span, o.fiscal_year_starts) = (r.day, r.span, r.fiscal_year_starts)
    WHERE r.metric IN ('flow', 'count') AND r.span NOT IN ('rolling_30d', 'rolling_12m')
    GROUP BY r.owner, r.scope, CASE WHEN r.scope = 'person' THEN NULL ELSE r.profile_id END,
        CASE WHEN r.scope = 'person' THEN NULL ELSE r.rule END, r.metric, r.payee, r.span, o.first
    HAVING sum(r.moved) > min(r.most) AND bool_or(r.asked)
    UNION
    SELECT r.account_id, r.owner, r.scope
    FROM (
        SELECT r.account_id, r.owner, r.scope, r.most, r.asked,
               CASE r.span WHEN 'rolling_30d' THEN sum(r.moved) OVER (w RANGE BETWEEN '29 days' PRECEDING AND CURRENT ROW)
               ELSE sum(r.moved) OVER (w RANGE BETWEEN '12 months' PRECEDING AND CURRENT ROW) END AS moved
        FROM ruled AS r
        WHERE r.metric IN ('flow', 'count') AND r.span IN ('rolling_30d', 'rolling_12m')
        WINDOW w AS (PARTITION BY r.owner, r.scope, CASE WHEN r.scope = 'person' THEN NULL ELSE r.profile_id END,
            CASE WHEN r.scope = 'person' THEN NULL ELSE r.rule END, r.metric, r.payee, r.span ORDER BY r.day)
    ) AS r
    WHERE r.asked AND r.moved > r.most
)
SELECT account_id FROM suspect WHERE scope <> 'person'
UNION SELECT a.id FROM suspect AS s JOIN ledger.account AS a ON a.holder = s.owner OR a.id = s.owner WHERE s.scope = 'person';

-- name: suspects
-- Wallets of the tail that may have passed a limit in it, with the holder's others where the rule is the person's: by
-- their counters, on the days that the tail reaches; by one transfer or hold, or the balance; and those whose profile was
-- changed, or to which something was given back, in the tail.
WITH moved AS (
    SELECT s.account_id, s.code, s.amount, s.after, t.effective_at AS at
    FROM ledger.transfer AS t
    CROSS JOIN LATERAL (VALUES
        (t.debit_account, array_position(ledger.operation_list(), t.operation) + 32, t.amount, NULL),
        (t.credit_account, array_position(ledger.operation_list(), t.operation), t.amount, t.credit_balance)
    ) AS s (account_id, code, amount, after)
    WHERE t.xact >= :xact
    UNION ALL
    SELECT s.account_id, s.code, h.amount, NULL, h.placed_at
    FROM ledger.hold AS h
    CROSS JOIN LATERAL (VALUES
        (h.debit_account, array_position(ledger.operation_list(), h.operation) + 32),
        (h.credit_account, array_position(ledger.operation_list(), h.operation))
    ) AS s (account_id, code)
    WHERE h.xact >= :xact
), touched AS (
    SELECT m.account_id, p.id AS profile_id, m.code, (m.at AT TIME ZONE p.time_zone)::date AS day,
           max(m.amount) AS largest, max(m.after) AS highest
    FROM moved AS m
    JOIN ledger.account AS a ON a.id = m.account_id
    JOIN ledger.limit_profile AS p ON p.id = a.profile_id
    GROUP BY 1, 2, 3, 4
), counted AS (
    SELECT DISTINCT m.account_id FROM touched AS m
), suspect AS (
    SELECT m.account_id
    FROM touched AS m
    JOIN ledger.limit_rule AS r ON r.profile_id = m.profile_id AND (r.mask >> m.code) & 1 = 1
        AND r.starts_on <= m.day AND r.ends_on > m.day
    WHERE (r.metric = 'single' AND m.largest > r.most) OR (r.metric = 'balance' AND m.highest > r.most)
    UNION
    SELECT account_id FROM ledger.account_change WHERE kind = 'profile' AND xact >= :xact
    UNION
    SELECT s.account_id
    FROM ledger.hold_event AS e
    CROSS JOIN LATERAL (SELECT h.debit_account, h.credit_account FROM ledger.hold AS h WHERE h.id = e.hold_id OFFSET 0) AS h
    CROSS JOIN LATERAL (VALUES (h.debit_account), (h.credit_account)) AS s (account_id)
    WHERE e.xact >= :xact AND e.kind <> 'captured'
    UNION
    SELECT s.account_id
    FROM ledger.transfer AS t CROSS JOIN LATERAL (VALUES (t.debit_account), (t.credit_account)) AS s (account_id)
    WHERE t.xact >= :xact AND t.operation IN ('refund', 'reversal')
    UNION
    SELECT c.account_id
    FROM counted AS c
    JOIN ledger.account AS a ON a.id = c.account_id
    JOIN ledger.limit_profile AS p ON p.id = a.profile_id
    CROSS JOIN LATERAL (
        SELECT m.slot, m.other_id, m.day, m.moved FROM ledger.usage_moved AS m WHERE m.account_id = a.id OFFSET 0
    ) AS m
    JOIN ledger.limit_rule AS r
        ON r.profile_id = p.id AND r.slot = m.slot AND (r.scope = 'payee') = (m.other_id IS NOT NULL) AND r.scope <> 'person'
    GROUP BY c.account_id, r.number, m.other_id, r.most, r.span,
        CASE WHEN r.span IN ('rolling_30d', 'rolling_12m') THEN NULL ELSE ledger.window_first(r.span, m.day, p.fiscal_year_starts) END
    HAVING sum(m.moved) > r.most AND (max(m.day) >= (:first AT TIME ZONE min(p.time_zone))::date OR r.span IN ('rolling_30d', 'rolling_12m'))
), holders AS (
    SELECT DISTINCT a.holder
    FROM counted AS c JOIN ledger.account AS a ON a.id = c.account_id
    WHERE a.holder IS NOT NULL
      AND EXISTS (SELECT FROM ledger.limit_rule AS r WHERE r.profile_id = a.profile_id AND r.scope = 'person')
), persons AS (
    SELECT h.holder
    FROM holders AS h
    JOIN ledger.account AS a ON a.holder = h.holder
    JOIN ledger.limit_rule AS r ON r.profile_id = a.profile_id AND r.scope = 'person'
    JOIN ledger.limit_counter AS c ON c.profile_id = a.profile_id AND NOT c.per_payee AND c.slot = r.slot
    CROSS JOIN LATERAL (
        SELECT sum(m.moved) AS moved FROM ledger.usage_moved AS m
        WHERE m.account_id = a.id AND m.other_id IS NULL AND m.slot = r.slot OFFSET 0
    ) AS m
    GROUP BY h.holder, c.measure, c.mask, c.span
    HAVING sum(m.moved) > min(r.most)
)
SELECT s.account_id FROM suspect AS s JOIN ledger.account AS a ON a.id = s.account_id WHERE a.profile_id IS NOT NULL
UNION SELECT a.id FROM persons AS h JOIN ledger.account AS a ON a.holder = h.holder;

-- name: passed
-- Each rule and window in which more was moved than the rule allowed, of these accounts: the account, the rule and the
-- day, what it allows, what was reached, and the transfer or hold that passed it first. Asked of what transactions from :xact on posted.
WITH changed AS (
    SELECT c.account_id, c.profile_id, c.was_under, c.at, c.xact,
           lead(c.at) OVER w AS until, lead(c.xact) OVER w AS until_xact, row_number() OVER w AS place,
           count(*) FILTER (WHERE c.was_under IS NULL) OVER w AS stint
    FROM ledger.account_change AS c
    WHERE c.kind = 'profile' AND c.account_id = ANY(:accounts)
    WINDOW w AS (PARTITION BY c.account_id ORDER BY c.number)
), under AS (
    -- the profile of each account from one change to the next; what was moved under none counts in no limit, so a stint
    -- begins where it ends
    SELECT account_id, profile_id, at, xact, coalesce(until, 'infinity') AS until,
           coalesce(until_xact, 9223372036854775807) AS until_xact, stint
    FROM changed WHERE profile_id IS NOT NULL
    UNION ALL
    SELECT account_id, was_under, '-infinity', -1, at, xact, 0 FROM changed WHERE place = 1 AND was_under IS NOT NULL
    UNION ALL
    SELECT a.id, a.profile_id, '-infinity', -1, 'infinity', 9223372036854775807, 0
    FROM ledger.account AS a
    WHERE a.profile_id IS NOT NULL AND a.id = ANY(:accounts)
      AND NOT EXISTS (SELECT FROM changed AS c WHERE c.account_id = a.id)
), side AS (
    -- what each account moved or held, with the other side: counted, or a capture, which its hold was counted for
    SELECT e.account_id, CASE WHEN e.amount > 0 THEN t.credit_account ELSE t.debit_account END AS other,
           array_position(ledger.operation_list(), t.operation) + CASE WHEN e.amount > 0 THEN 32 ELSE 0 END AS code,
           t.posted_at AS at, t.xact, coalesce(c.placed_at, t.effective_at) AS counts_at, t.amount, e.version, t.id,
           CASE WHEN e.amount < 0 THEN t.credit_balance END AS after, c.id IS NULL AS counted
    FROM ledger.entry AS e
    JOIN ledger.transfer AS t ON t.id = e.transfer_id
    LEFT JOIN LATERAL (
        SELECT x.id, h.placed_at FROM ledger.hold_event AS x JOIN ledger.hold AS h ON h.id = x.hold_id
        WHERE x.id = t.id AND x.kind = 'captured'
    ) AS c ON true
    WHERE t.operation NOT IN ('refund', 'reversal') AND e.account_id = ANY(:accounts)
    UNION ALL
    SELECT s.account_id, s.other, s.code, h.placed_at, h.xact, h.placed_at, h.amount, 0, h.id, NULL, true
    FROM ledger.hold AS h
    CROSS JOIN LATERAL (VALUES
        (h.debit_account, h.credit_account, array_position(ledger.operation_list(), h.operation) + 32),
        (h.credit_account, h.debit_account, array_position(ledger.operation_list(), h.operation))
    ) AS s (account_id, other, code)
    WHERE h.operation NOT IN ('refund', 'reversal') AND s.account_id = ANY(:accounts)
      AND (h.debit_account = ANY(:accounts) OR h.credit_account = ANY(:accounts))
), returned AS (
    -- what was given back of a transfer or a hold, and whether nothing is left of it then
    SELECT g.unit, g.amount, g.at, g.xact,
           sum(g.amount) OVER (PARTITION BY g.unit ORDER BY g.at, g.xact ROWS UNBOUNDED PRECEDING) AS so_far
    FROM (
        SELECT coalesce(c.hold_id, r.original_id) AS unit, r.amount, r.at, r.xact
        FROM (SELECT DISTINCT id FROM side) AS s
        JOIN ledger.reversal AS r ON r.original_id = s.id
        LEFT JOIN ledger.hold_event AS c ON c.id = r.original_id AND c.kind = 'captured'
        UNION ALL
        SELECT e.hold_id, e.amount, e.at, e.xact
        FROM (SELECT DISTINCT id FROM side) AS s
        JOIN ledger.hold_event AS e ON e.hold_id = s.id AND e.kind <> 'captured'
    ) AS g
), move AS (
    SELECT s.account_id, s.other, s.code, s.at, s.xact, s.counts_at, s.version, s.id, s.after, s.counted, s.amount AS size,
           CASE WHEN s.counted THEN s.amount ELSE 0 END AS amount, CASE WHEN s.counted THEN 1 ELSE 0 END AS number,
           u.profile_id, u.stint,
           -- asked where time and transaction agree on the profile that was in force
           s.xact >= :xact AND s.at >= u.at AND s.at <= u.until AND s.xact > u.xact AND s.xact < u.until_xact AS asked
    FROM side AS s
    JOIN under AS u ON u.account_id = s.account_id AND (s.at, s.xact) > (u.at, u.xact) AND (s.at, s.xact) <= (u.until, u.until_xact)
    UNION ALL
    SELECT s.account_id, s.other, s.code, g.at, g.xact, s.counts_at, NULL, s.id, NULL, true, 0,
           -g.amount, CASE WHEN g.so_far = s.amount THEN -1 ELSE 0 END, u.profile_id, u.stint, false
    FROM returned AS g
    JOIN side AS s ON s.id = g.unit AND s.counted
    JOIN under AS u ON u.account_id = s.account_id AND (s.at, s.xact) > (u.at, u.xact) AND (s.at, s.xact) <= (u.until, u.until_xact)
), profile AS (
    SELECT DISTINCT u.account_id, u.stint, u.profile_id, a.holder, a.opened_at
    FROM under AS u JOIN ledger.account AS a ON a.id = u.account_id
), ruled AS (
    -- each move with each rule that measures it: of every profile that the account was under in that stint
    SELECT m.account_id, m.at, m.version, m.id, m.amount > 0 AS adds, r.id AS rule, r.most, r.metric, r.span, r.scope,
           d.day, d.first, m.size, m.after,
           CASE r.metric WHEN 'count' THEN m.number ELSE m.amount END AS delta,
           m.asked AND m.profile_id = r.profile_id AND (m.counted OR r.metric = 'balance')
               AND d.day >= r.starts_on AND d.day < r.ends_on
               AND (r.after_months IS NULL
                    OR d.day >= ((p.opened_at AT TIME ZONE l.time_zone)::date + make_interval(months => r.after_months))::date) AS asked,
           p.account_id AS owner, p.stint, r.profile_id, r.number AS rule_number,
           CASE r.scope WHEN 'payee' THEN m.other END AS payee
    FROM profile AS p
    JOIN ledger.limit_profile AS l ON l.id = p.profile_id
    JOIN ledger.limit_rule AS r ON r.profile_id = p.profile_id AND r.most IS NOT NULL AND (r.scope <> 'person' OR p.holder IS NULL)
    JOIN move AS m ON m.account_id = p.account_id AND m.stint = p.stint AND (r.mask >> m.code) & 1 = 1
    CROSS JOIN LATERAL (SELECT (m.counts_at AT TIME ZONE l.time_zone)::date AS day) AS c
    CROSS JOIN LATERAL (SELECT c.day, ledger.window_first(r.span, c.day, l.fiscal_year_starts) AS first) AS d
    UNION ALL
    -- of a person: with what the holder's other wallets moved by the same measure
    SELECT m.account_id, m.at, m.version, m.id, m.amount > 0, r.id, r.most, r.metric, r.span, r.scope, d.day, d.first, m.size, NULL,
           CASE r.metric WHEN 'count' THEN m.number ELSE m.amount END,
           m.asked AND m.profile_id = r.profile_id AND m.counted AND d.day >= r.starts_on AND d.day < r.ends_on
               AND (r.after_months IS NULL
                    OR d.day >= ((o.opened_at AT TIME ZONE l.time_zone)::date + make_interval(months => r.after_months))::date),
           p.holder, 0, r.profile_id, r.number, NULL
    FROM (SELECT DISTINCT profile_id, holder FROM profile WHERE holder IS NOT NULL) AS p
    JOIN ledger.limit_profile AS l ON l.id = p.profile_id
    JOIN ledger.limit_rule AS r ON r.profile_id = p.profile_id AND r.most IS NOT NULL AND r.scope = 'person' AND r.metric <> 'balance'
    JOIN ledger.account AS o ON o.holder = p.holder AND o.currency = l.currency
    JOIN move AS m ON m.account_id = o.id AND (r.mask >> m.code) & 1 = 1
        AND EXISTS (
            SELECT FROM ledger.limit_rule AS s
            WHERE s.profile_id = m.profile_id AND s.scope = 'person' AND (s.metric, s.mask, s.span) IS NOT DISTINCT FROM (r.metric, r.mask, r.span))
    CROSS JOIN LATERAL (SELECT (m.counts_at AT TIME ZONE l.time_zone)::date AS day) AS c
    CROSS JOIN LATERAL (SELECT c.day, ledger.window_first(r.span, c.day, l.fiscal_year_starts) AS first) AS d
), summed AS (
    -- what rolls is bound above: of what was given back in its window, nothing is taken off
    SELECT r.*,
           CASE WHEN r.metric = 'single' THEN r.size
                WHEN r.metric = 'balance' THEN r.after
                WHEN r.span = 'rolling_30d' THEN sum(greatest(r.delta, 0)) OVER (of_rule ORDER BY r.day
                    RANGE BETWEEN '29 days' PRECEDING AND CURRENT ROW)
                WHEN r.span = 'rolling_12m' THEN sum(greatest(r.delta, 0)) OVER (of_rule ORDER BY r.day
                    RANGE BETWEEN '12 months' PRECEDING AND CURRENT ROW)
                ELSE sum(r.delta) OVER (PARTITION BY r.owner, r.stint, r.profile_id, r.rule_number, r.payee, r.first
                    ORDER BY r.at, r.adds, r.version, r.id ROWS UNBOUNDED PRECEDING)
           END AS so_far
    FROM ruled AS r
    WINDOW of_rule AS (PARTITION BY r.owner, r.stint, r.profile_id, r.rule_number, r.payee)
), beyond AS (
    SELECT s.account_id, s.at, s.version, s.id, s.adds, s.rule, s.most, s.metric, s.span, s.day, s.first, s.owner, s.stint,
           s.profile_id, s.rule_number, s.payee, s.so_far
    FROM summed AS s
    WHERE s.asked AND s.so_far > s.most AND (s.adds OR s.metric = 'balance')
), reached AS (
    SELECT b.*, b.so_far AS reached FROM beyond AS b WHERE b.span IS NULL OR b.span NOT IN ('rolling_30d', 'rolling_12m')
    UNION ALL
    -- what rolls, of the few that passed the bound: with all that was posted before
    SELECT b.*, o.reached
    FROM beyond AS b
    JOIN (
        SELECT b.account_id, b.id, b.owner, b.stint, b.profile_id, b.rule_number, sum(o.delta) AS reached
        FROM beyond AS b
        JOIN ruled AS o ON (o.owner, o.stint, o.profile_id, o.rule_number) = (b.owner, b.stint, b.profile_id, b.rule_number)
            AND o.payee IS NOT DISTINCT FROM b.payee AND o.day BETWEEN b.first AND b.day
            AND (o.at, o.adds, coalesce(o.version, 0), o.id) <= (b.at, b.adds, coalesce(b.version, 0), b.id)
        WHERE b.span IN ('rolling_30d', 'rolling_12m')
        GROUP BY b.account_id, b.id, b.owner, b.stint, b.profile_id, b.rule_number
    ) AS o USING (account_id, id, owner, stint, profile_id, rule_number)
), windowed AS (
    -- of one transfer or the balance, each is one; of a window, the first that passed it
    SELECT r.*, row_number() OVER (w ORDER BY r.at, r.adds, r.version, r.id) AS place, max(r.reached) OVER w AS highest
    FROM (SELECT *, CASE WHEN metric IN ('single', 'balance') THEN id END AS alone FROM reached) AS r
    WHERE r.reached > r.most
    WINDOW w AS (PARTITION BY r.owner, r.stint, r.profile_id, r.rule_number, r.payee, r.first, r.alone)
)
SELECT account_id, rule || ' on ' || day, most, highest::bigint, id FROM windowed WHERE place = 1 ORDER BY at, id;
