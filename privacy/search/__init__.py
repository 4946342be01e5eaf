"""privacy/search: see the modules."""
