-- name: horizon
-- Every transaction below the first has ended: its rows are visible now or never. The second has not begun.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint;

-- name: tail
-- The size of the log, and the place of its last leaf.
SELECT next, last_xact, uuid_send(last_id), last_kind FROM ledger.leaf_block ORDER BY first DESC LIMIT 1;

-- name: hashes
-- Leaf hashes of a range that lies within one tile, block by block.
SELECT first, hashes FROM ledger.leaf_block WHERE next > :first AND next <= :last ORDER BY next;

-- name: nodes
-- Hashes of neighbouring nodes of one height.
SELECT position, hash FROM ledger.tree_node
WHERE height = :height AND position >= :first AND position < :last ORDER BY position;

-- name: find
-- The block of each place asked for: the first one that ends there or after it.
SELECT asked.number, b.first
FROM unnest(:xacts::bigint[], :ids::uuid[], :kinds::smallint[]) WITH ORDINALITY AS asked (xact, id, kind, number)
CROSS JOIN LATERAL (
    SELECT first FROM ledger.leaf_block
    WHERE (last_xact, last_id, last_kind) >= (asked.xact, asked.id, asked.kind)
    ORDER BY last_xact, last_id, last_kind LIMIT 1
) AS b;

-- name: block
SELECT first, next, kinds, row_ids, hashes, last_xact, uuid_send(last_id), last_kind
FROM ledger.leaf_block WHERE first = :first;

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
