"""ledger/base/postgres: see the modules."""
