"""ledger/accounts: see the modules."""
