-- name: for_transaction
SELECT pg_try_advisory_xact_lock(hashtextextended(:work, 0));

-- name: for_session
SELECT pg_try_advisory_lock(hashtextextended(:work, 0));

-- name: give_back
SELECT pg_advisory_unlock(hashtextextended(:work, 0));

-- name: holder
SELECT active.usename::text, held.pid
FROM pg_catalog.pg_locks AS held
JOIN pg_catalog.pg_stat_activity AS active ON active.pid = held.pid
CROSS JOIN (SELECT hashtextextended(:work, 0) AS key) AS asked
WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
  AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND held.classid = ((asked.key >> 32) & 4294967295)::oid AND held.objid = (asked.key & 4294967295)::oid;

-- name: of_transaction
SELECT active.usename::text, held.pid
FROM pg_catalog.pg_locks AS held
JOIN pg_catalog.pg_stat_activity AS active ON active.pid = held.pid
WHERE held.locktype = 'transactionid' AND held.granted AND held.mode = 'ExclusiveLock'
  AND held.transactionid = ((:transaction & 4294967295)::text)::xid;
