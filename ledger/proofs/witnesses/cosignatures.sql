-- name: sizes
-- The largest checkpoint that each witness cosigned.
SELECT witness, max(size) FROM ledger.cosignature GROUP BY witness;

-- name: add!
-- A cosignature. The first of a witness stands: later ones say nothing more but another time.
INSERT INTO ledger.cosignature (size, witness, line, at) VALUES (:size, :witness, :line, :at)
ON CONFLICT DO NOTHING;
