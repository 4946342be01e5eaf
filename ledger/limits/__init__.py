"""ledger/limits: see the modules."""
