"""ledger/base: see the modules."""
