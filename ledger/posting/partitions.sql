-- name: partitions
-- The first partition of a table has no lower bound; that of what is no time, or a time to come, is behind the months.
SELECT p.relname, c.relname, greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
FROM pg_inherits AS i
JOIN pg_class AS p ON p.oid = i.inhparent
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = ANY(ARRAY['ledger.claim', 'ledger.entry', 'ledger.transfer']::regclass[])
ORDER BY p.relname, c.relname !~ '_before$', c.relname !~ '[0-9]$', c.relname;

-- name: retirable
-- The claims' first partition and those before a month's, and whether what is kept of them has an index.
SELECT c.relname, (
    SELECT x.indisvalid FROM pg_class AS k JOIN pg_index AS x ON x.indexrelid = k.oid
    WHERE x.indrelid = c.oid AND k.relname = c.relname || '_kept')
FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'ledger.claim'::regclass
  AND (c.relname = 'claim_before' OR c.relname ~ '^claim_[0-9]{4}_[0-9]{2}$' AND c.relname < :before)
ORDER BY c.relname;

-- name: retire_claims
SELECT * FROM ledger.retire_claims_v1(:before) AS detached;
