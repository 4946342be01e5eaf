-- name: lock!
-- One writer per breach: the same lock that the table's own guard takes.
SELECT pg_advisory_xact_lock(hashtextextended(:breach_id::text, 0));

-- name: newest
-- What is known of one breach.
SELECT breach_id, number, noticed_at, what, categories, subjects, measures, notified_at, late_reason,
       no_risk_reason, recorded_by, recorded_at
FROM privacy.breach WHERE breach_id = :breach_id ORDER BY number DESC LIMIT 1;

-- name: all_newest
-- What is known of each breach, in the order in which they were noticed.
SELECT * FROM (
    SELECT DISTINCT ON (breach_id)
           breach_id, number, noticed_at, what, categories, subjects, measures, notified_at, late_reason,
           no_risk_reason, recorded_by, recorded_at
    FROM privacy.breach ORDER BY breach_id, number DESC
) AS newest
ORDER BY noticed_at, breach_id;

-- name: add!
INSERT INTO privacy.breach (breach_id, number, noticed_at, what, categories, subjects, measures, notified_at,
    late_reason, no_risk_reason, recorded_by, recorded_at)
VALUES (:breach_id, :number, :noticed_at, :what, :categories, :subjects, :measures, :notified_at,
    :late_reason, :no_risk_reason, :recorded_by, :recorded_at);
