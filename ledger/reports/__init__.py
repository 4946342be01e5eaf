"""ledger/reports: see the modules."""
