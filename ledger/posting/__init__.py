"""ledger/posting: see the modules."""
