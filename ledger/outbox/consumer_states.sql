-- name: consumers
SELECT name, created_at, acknowledged_at, failing, attempts, failure, retry_at FROM ledger.consumer ORDER BY name;
