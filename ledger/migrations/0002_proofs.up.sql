-- The proof log: leaves in blocks, the tree above them, signed checkpoints. All append-only.

-- Up to 256 consecutive leaves of the log, within one tile: leaves `first` to `next` - 1. Per leaf: its kind
-- (1 byte), the id of the row it commits to (16) and its hash (32). A block starts where another ends, so the
-- numbers are dense from 0 and cannot fork. The last leaf's row is named by (last_xact, last_id, last_kind): the
-- next leaf's comes after it in that order. Packed, a leaf takes 70 bytes on disk; as a row of its own, with
-- an index to find it by, 145.
CREATE TABLE ledger.leaf_block (
    first bigint PRIMARY KEY CHECK (first >= 0),
    next bigint NOT NULL UNIQUE,
    follows bigint REFERENCES ledger.leaf_block (next),
    kinds bytea NOT NULL,
    row_ids bytea NOT NULL,
    hashes bytea NOT NULL,
    last_xact bigint NOT NULL,
    last_id uuid NOT NULL,
    last_kind smallint NOT NULL,
    sealed_at timestamptz NOT NULL,
    UNIQUE (last_xact, last_id, last_kind),
    CONSTRAINT leaf_block_follows CHECK (follows IS NOT DISTINCT FROM nullif(first, 0)),
    CONSTRAINT leaf_block_tile CHECK (next > first AND (next - 1) / 256 = first / 256),
    CONSTRAINT leaf_block_length CHECK (
        octet_length(kinds) = next - first
        AND octet_length(row_ids) = 16 * (next - first)
        AND octet_length(hashes) = 32 * (next - first)
    )
);
-- Hashes do not compress, and are read by the slice.
ALTER TABLE ledger.leaf_block ALTER hashes SET STORAGE EXTERNAL, ALTER row_ids SET STORAGE EXTERNAL;

-- The leaves one by one, for people with questions.
CREATE VIEW ledger.leaf AS
SELECT b.first + n AS sequence,
       get_byte(b.kinds, n)::smallint AS kind,
       encode(substring(b.row_ids FROM 16 * n + 1 FOR 16), 'hex')::uuid AS row_id,
       substring(b.hashes FROM 32 * n + 1 FOR 32) AS hash
FROM ledger.leaf_block AS b
CROSS JOIN LATERAL generate_series(0, (b.next - b.first - 1)::integer) AS n;

-- The hash of every complete subtree of 256, 65,536, 16,777,216 ... leaves (height 8, 16, 24 ...), numbered from
-- the left. What lies between is computed when asked for.
CREATE TABLE ledger.tree_node (
    height smallint CHECK (height > 0 AND height % 8 = 0),
    position bigint CHECK (position >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (height, position)
);

-- What the log was when it had `size` leaves, signed: a C2SP checkpoint as a signed note.
CREATE TABLE ledger.checkpoint (
    size bigint PRIMARY KEY REFERENCES ledger.leaf_block (next),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.leaf_block
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.tree_node
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

GRANT SELECT, INSERT ON ledger.leaf_block, ledger.tree_node, ledger.checkpoint TO emoney_app;
GRANT SELECT ON ledger.leaf TO emoney_app;
