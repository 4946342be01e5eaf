DROP VIEW ledger.leaf;
DROP TABLE ledger.checkpoint;
DROP TABLE ledger.tree_node;
DROP TABLE ledger.leaf_block;
