-- name: add_transfers!
-- Evidence is only ever added.
INSERT INTO aml.alert_transfer (alert_id, transfer_id, reference, part, at)
SELECT :id, * FROM unnest(:transfers::uuid[], :references::text[], :parts::text[], :ats::timestamptz[])
ON CONFLICT (alert_id, transfer_id) DO NOTHING;

-- name: add_accounts!
INSERT INTO aml.alert_account (alert_id, account_id, account_ref, part)
SELECT :id, * FROM unnest(:accounts::uuid[], :refs::text[], :parts::text[])
ON CONFLICT (alert_id, account_id) DO NOTHING;

-- name: per_day
-- How many alerts of each scenario end on each UTC day.
SELECT (window_end AT TIME ZONE 'UTC')::date, scenario, count(*) FROM aml.alert GROUP BY 1, 2 ORDER BY 1, 2;

-- name: per_scenario
SELECT scenario, count(*), count(DISTINCT subject), max(score) FROM aml.alert GROUP BY 1 ORDER BY 1;
