-- name: declared
-- Each declaration, with the transaction from which the next version of its relation takes the rows.
SELECT kind, relation, version, id_column, fields, xact,
       lead(xact) OVER of_relation AS until,
       row_number() OVER of_relation = 1 AS first
FROM ledger.leaf_source
WINDOW of_relation AS (PARTITION BY relation ORDER BY version)
ORDER BY kind;

-- name: known_by
-- What the declarations are, all of them, in 32 bytes: read more often than they change.
SELECT sha256(convert_to(coalesce(string_agg(s::text, ' ' ORDER BY kind), ''), 'UTF8')) FROM ledger.leaf_source AS s;
