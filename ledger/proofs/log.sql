-- name: horizon
-- Every transaction below the first has ended: its rows are visible now or never. The second has not begun.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- name: tail
-- The size of the log, and the place of its last leaf.
SELECT next, last_xact, uuid_send(last_id), last_kind FROM ledger.leaf_block ORDER BY first DESC LIMIT 1;

-- name: tiles
-- Rows of up to 256 neighbouring hashes: of each its height, its first position, how many there are without a gap,
-- and the hashes. Those of leaves block by block.
SELECT 0::smallint AS height, b.first, b.next - b.first AS many, b.hashes
FROM unnest(:leaves::bigint[]) AS asked (first)
JOIN ledger.leaf_block AS b ON b.next > asked.first AND b.next <= asked.first + 256
UNION ALL
SELECT asked.height, min(n.position), CASE WHEN max(n.position) - min(n.position) + 1 = count(*) THEN count(*) ELSE 0 END,
       string_agg(n.hash, ''::bytea ORDER BY n.position)
FROM unnest(:heights::smallint[], :firsts::bigint[], :lasts::bigint[]) AS asked (height, first, last)
JOIN ledger.tree_node AS n ON n.height = asked.height AND n.position >= asked.first AND n.position < asked.last
GROUP BY asked.height, asked.first
ORDER BY 1, 2;

-- name: nodes
-- Hashes of neighbouring nodes of one height.
SELECT position, hash FROM ledger.tree_node
WHERE height = :height AND position >= :first AND position < :last ORDER BY position;

-- name: find
-- The blocks of the places asked for, and which of these each is of: the first one that ends there or after it.
SELECT hit.numbers, b.first, b.kinds, b.row_ids, b.hashes
FROM (
    SELECT place.first, array_agg(asked.number) AS numbers
    FROM unnest(:xacts::bigint[], :ids::uuid[], :kinds::smallint[]) WITH ORDINALITY AS asked (xact, id, kind, number)
    CROSS JOIN LATERAL (
        SELECT first FROM ledger.leaf_block
        WHERE (last_xact, last_id, last_kind) >= (asked.xact, asked.id, asked.kind)
        ORDER BY last_xact, last_id, last_kind LIMIT 1
    ) AS place
    GROUP BY place.first
) AS hit
JOIN ledger.leaf_block AS b ON b.first = hit.first;

-- name: blocks
-- The next blocks of the log, whole.
SELECT first, next, kinds, row_ids, hashes, last_xact, uuid_send(last_id), last_kind
FROM ledger.leaf_block WHERE first > :after ORDER BY first LIMIT :blocks;

-- name: count_nodes
-- Nodes that lie within the first :size leaves, or that no log can have.
SELECT count(*) FROM ledger.tree_node WHERE height > 62 OR (position::numeric + 1) * (2 ^ height)::numeric <= :size;

-- name: copy_blocks!
COPY ledger.leaf_block (first, next, follows, kinds, row_ids, hashes, last_xact, last_id, last_kind, sealed_at)
FROM STDIN (FORMAT BINARY);

-- name: copy_nodes!
COPY ledger.tree_node (height, position, hash) FROM STDIN (FORMAT BINARY);
