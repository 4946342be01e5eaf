"""ledger/transfers: see the modules."""
