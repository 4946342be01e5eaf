"""ledger/group_commit: see the modules."""
