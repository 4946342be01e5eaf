-- name: lock_alerts
-- One monitoring writes alerts at a time; released when the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('aml.alert'));

-- name: known_evidence
SELECT alert_id, transfer_id FROM aml.alert_transfer WHERE alert_id = ANY(:alerts);

-- name: add_alert!
INSERT INTO aml.alert (id, scenario, scenario_version, subject, subject_ref, currency, window_start, window_end,
                       score, why, detected_at, changed_at)
VALUES (:id, :scenario, :version, :subject, :subject_ref, :currency, :window_start, :window_end,
        :score, :why, :now, :now);

-- name: change_alert!
UPDATE aml.alert
SET scenario_version = :version, window_start = :window_start, window_end = :window_end, score = :score,
    why = :why, changed_at = :now
WHERE id = :id;

-- name: add_transfers!
-- Evidence is only ever added.
INSERT INTO aml.alert_transfer (alert_id, transfer_id, reference, part, at)
SELECT :id, * FROM unnest(:transfers::uuid[], :references::text[], :parts::text[], :ats::timestamptz[])
ON CONFLICT (alert_id, transfer_id) DO NOTHING;

-- name: add_accounts!
INSERT INTO aml.alert_account (alert_id, account_id, account_ref, part)
SELECT :id, * FROM unnest(:accounts::uuid[], :refs::text[], :parts::text[])
ON CONFLICT (alert_id, account_id) DO NOTHING;

-- name: list
-- Alerts by score with what is involved: accounts by reference, the subject first; transfers in order of time.
SELECT
    a.id, a.scenario, a.scenario_version, a.subject_ref, a.currency, a.window_start, a.window_end, a.score, a.why,
    a.status, a.detected_at, a.changed_at,
    ARRAY(SELECT b.account_ref FROM aml.alert_account AS b WHERE b.alert_id = a.id
          ORDER BY b.part = 'subject' DESC, b.account_ref),
    ARRAY(SELECT coalesce(t.reference, t.transfer_id::text) FROM aml.alert_transfer AS t WHERE t.alert_id = a.id
          ORDER BY t.at, t.transfer_id)
FROM aml.alert AS a
WHERE (:scenario::text IS NULL OR a.scenario = :scenario)
  AND (:subject_ref::text IS NULL OR a.subject_ref = :subject_ref)
  AND a.score >= :score_min
ORDER BY a.score DESC, a.window_start, a.scenario, a.id
LIMIT :limit;

-- name: per_day
-- How many alerts of each scenario end on each UTC day.
SELECT (window_end AT TIME ZONE 'UTC')::date, scenario, count(*) FROM aml.alert GROUP BY 1, 2 ORDER BY 1, 2;

-- name: per_scenario
SELECT scenario, count(*), count(DISTINCT subject), max(score) FROM aml.alert GROUP BY 1 ORDER BY 1;
