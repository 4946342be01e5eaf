-- name: sent_before
-- Which of these ids were claimed.
SELECT id FROM ledger.claim WHERE id = ANY(:ids);
