-- name: lock!
-- One writer per breach: the same lock that the table's own guard takes.
SELECT pg_advisory_xact_lock(hashtextextended(:breach_id::text, 0));
