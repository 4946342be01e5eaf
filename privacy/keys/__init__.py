"""privacy/keys: see the modules."""
