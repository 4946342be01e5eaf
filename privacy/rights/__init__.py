"""privacy/rights: see the modules."""
