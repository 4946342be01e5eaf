-- name: latest
SELECT size, root, note, coalesce(
    (SELECT string_agg(line, '' ORDER BY witness) FROM ledger.cosignature AS c WHERE c.size = checkpoint.size), ''
)
FROM ledger.checkpoint ORDER BY size DESC LIMIT 1;

-- name: at
SELECT size, root, note, coalesce(
    (SELECT string_agg(line, '' ORDER BY witness) FROM ledger.cosignature AS c WHERE c.size = checkpoint.size), ''
)
FROM ledger.checkpoint WHERE size = :size;

-- name: all
SELECT size, root, note FROM ledger.checkpoint ORDER BY size;

-- name: add!
-- A checkpoint that was signed.
INSERT INTO ledger.checkpoint (size, root, note, signed_at) VALUES (:size, :root, :note, :signed_at);
